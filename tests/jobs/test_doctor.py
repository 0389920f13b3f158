"""What `hrdem doctor` compares with, and what it says of proxies and certificates."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import trustme

from hrdem.errors import ExitCode, RequestError
from hrdem.jobs import doctor
from hrdem.jobs.doctor import State, run_checks


def project_lambert(longitude: float, latitude: float) -> tuple[float, float]:
    """Project to EPSG:3979: Lambert conic conformal (2SP) on GRS 1980, EPSG guidance 7-2."""
    axis, flattening = 6_378_137.0, 1 / 298.257222101
    e = math.sqrt(2 * flattening - flattening**2)

    def m(phi: float) -> float:
        return math.cos(phi) / math.sqrt(1 - (e * math.sin(phi)) ** 2)

    def t(phi: float) -> float:
        scaled = e * math.sin(phi)
        return math.tan(math.pi / 4 - phi / 2) / ((1 - scaled) / (1 + scaled)) ** (e / 2)

    first, second, origin, phi = map(math.radians, (49, 77, 49, latitude))
    n = math.log(m(first) / m(second)) / math.log(t(first) / t(second))
    scale = axis * m(first) / (n * t(first) ** n)
    radius, angle = scale * t(phi) ** n, n * math.radians(longitude + 95)
    return radius * math.sin(angle), scale * t(origin) ** n - radius * math.cos(angle)


def test_probe_point_follows_the_projection_formulas() -> None:
    assert project_lambert(-95, 49) == pytest.approx((0, 0), abs=1e-6)
    assert project_lambert(*doctor.PROBE_LONLAT) == pytest.approx(doctor.PROBE_XY, abs=0.001)


def test_transform_that_is_slightly_off_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    """2 cm are enough."""
    x, y = doctor.PROBE_XY
    monkeypatch.setattr(doctor, "PROBE_XY", (x + 0.02, y))
    checks = run_checks("http://catalogue.invalid/", "http://service.invalid/")
    proj = next(check for check in checks if check.name == "PROJ")
    assert (proj.state, proj.exit_code) == (State.FAIL, ExitCode.DEFECT)
    assert "instead of 1511127.656, -172193.060" in proj.found
    assert proj.fix.startswith("Install rasterio again")


def test_routes_and_certificates_are_listed_without_passwords(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://me:secret@proxy.invalid:3128")
    checks = run_checks("https://stac.invalid/", "http://127.0.0.1:9/wcs")
    network = next(check for check in checks if check.name == "network")
    assert network.found == (
        "STAC through http://proxy.invalid:3128 (https_proxy), WCS without a proxy; "
        f"certificates of SSL_CERT_FILE ({bundle})"
    )


def test_missing_home_is_one_finding_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user has no name and no HOME."""

    def find_folder() -> Path:
        raise RequestError("The user has no folder for the cache. Set HOME.")

    monkeypatch.setattr("hrdem.http.cache.store.default_cache_dir", find_folder)
    checks = run_checks("http://catalogue.invalid/", None)
    *_, cache, network = itertools.islice(checks, 4)
    assert (cache.name, cache.state, cache.exit_code) == ("cache", State.FAIL, ExitCode.USAGE)
    assert cache.found.endswith("Set HOME.")
    assert network.name == "network"
