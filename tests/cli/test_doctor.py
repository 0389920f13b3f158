"""``hrdem doctor``, in real processes where the environment or what is imported counts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hrdem.cli.main import run
from hrdem.demo import Addresses
from tests.misbehaving import Reply, misbehaving

DOCTOR = [sys.executable, "-m", "hrdem", "doctor"]


def doctor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DOCTOR, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
    )


def doctor_here(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run it in this process, which has imported all; return exit code and both streams."""
    return run(["doctor", *arguments]), *capsys.readouterr()


@pytest.fixture
def urls(demo: Addresses) -> list[str]:
    return ["--stac-url", demo.stac, "--wcs-url", demo.wcs]


@pytest.mark.slow
def test_demo_passes_all_checks() -> None:
    done = doctor("--demo")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 11
    assert all(re.fullmatch(r"ok    [\w ]{9} \S.* \(\d+\.\d s\)", line) for line in lines)


@pytest.mark.slow
@pytest.mark.long
def test_other_catalogue_skips_the_wcs(demo: Addresses) -> None:
    """Least of all the live one, which has other data."""
    done = doctor("--stac-url", demo.stac, HRDEM_MAX_CACHE="7MB")
    assert done.returncode == 0, done.stdout
    assert re.search(r"^ok    WCS  .*none is known .*--wcs-url", done.stdout, re.MULTILINE)
    assert "of at most 7 MB used" in done.stdout


@pytest.mark.slow
@pytest.mark.long
def test_json_lists_the_state_of_each_check(urls: list[str]) -> None:
    done = doctor("--json", *urls)
    document = json.loads(done.stdout)
    assert document["schema_version"] == 1
    assert {check["state"] for check in document["checks"]} == {"ok"}
    assert document["checks"][0].keys() == {"name", "state", "found", "fix", "seconds"}


def test_failing_service_sets_the_exit_code(
    demo: Addresses, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr("hrdem.http.retry.Retries.wait_after", lambda self, failures: 0.0)
    with misbehaving(lambda _: Reply(500, b"pool timeout")) as server:
        services = ["--stac-url", server.url, "--wcs-url", f"{demo.url}/gone"]
        code, stdout, _ = doctor_here(capsys, *services, "-q")
    assert code == 5
    failed, fix = re.findall(r"(FAIL  STAC 1m .*)\n +Fix: (.*)", stdout)[0]
    assert "500: pool timeout" in failed
    assert "--stac-url" in fix
    assert re.search(r"^warn  WCS  .*404", stdout, re.MULTILINE)
    assert "store" not in stdout


@pytest.mark.slow
@pytest.mark.long
def test_foreign_proj_data_is_ignored(tmp_path: Path) -> None:
    """By the demonstration too; what is ignored is listed."""
    done = doctor("--demo", PROJ_DATA=str(tmp_path), GTIFF_IGNORE_READ_ERRORS="YES")
    assert done.returncode == 0, done.stdout
    ignored = "GTIFF_IGNORE_READ_ERRORS, PROJ_DATA of the environment are ignored"
    assert ignored in done.stdout


def test_unreadable_certificates_stop_the_checks(
    urls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    code, stdout, _ = doctor_here(capsys, *urls)
    assert code == 2
    assert re.search(r"^FAIL  network .*none\.pem", stdout, re.MULTILINE)
    assert "STAC" not in stdout


def test_broken_library_is_named(tmp_path: Path) -> None:
    (tmp_path / "rasterio.py").write_text("raise ImportError('DLL load failed')")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = doctor("--demo", PYTHONPATH=path)
    assert done.returncode == 1
    assert done.stderr.startswith("hrdem: A library that hrdem needs cannot be imported: DLL load")
    assert "Traceback" not in done.stderr


def test_invalid_address_is_a_usage_error(capsys) -> None:
    code, stdout, stderr = doctor_here(capsys, "--stac-url", "nowhere")
    assert (code, stdout.count("STAC")) == (2, 0)
    assert "'nowhere' is not an http or https address" in stderr
