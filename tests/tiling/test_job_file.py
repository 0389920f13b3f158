"""Job files: what is in them, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from affine import Affine

from hrdem.errors import RequestError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.datum import LinkedCrs
from hrdem.geo.grid import Grid, Window
from hrdem.planning.feather import Feather
from hrdem.planning.plan import Plan
from hrdem.request.options import Compression, Format
from hrdem.request.request import Request
from hrdem.tiling.job import Job, JobOptions
from hrdem.tiling.job_file import decode_job, encode_job, seal_job
from tests.tiling.tilings import plan_tile

BOX = (1_500_000, -170_000, 1_501_000, -169_000)
# a datum that PROJ does not know, with the shift that it states itself
OLD = "+proj=utm +zone=18 +ellps=intl +towgs84=-87,-98,-121 +units=m +type=crs"


def make_job(request: Request) -> Job:
    grid = Grid(request.crs, Affine(2.3, 0, 0, 0, -2.3, 0), 10, 10)
    plan = Plan(request, grid, grid, (), {"2m": "Nothing is there."}, False, Feather(0, 1, 1), 0,
                "float32", float("nan"))  # fmt: skip
    options = JobOptions(Format.COG, Compression.ZSTD, 2, 8)
    return seal_job(Job(plan, "features", options, (), (), "", "digest", ""))


@pytest.fixture
def job() -> Job:
    return make_job(Request.of(product="dtm", bbox=BOX, bbox_crs=NATIVE_CRS))


def test_a_job_is_plain_json(job: Job) -> None:
    document = json.loads(encode_job(job))
    assert document["sha256"] == job.sha256
    assert document["plan"]["nodata"] == "nan"
    assert decode_job(encode_job(job)).plan.grid == job.plan.grid


def test_a_request_for_the_grid_of_a_raster_is_read_back() -> None:
    like = {"crs": 3979, "transform": Affine(2.3, 0, 1.5e6, 0, -2.3, 0), "width": 9, "height": 8}
    request = Request.of(product="dtm-slope", like=like, fill="all", feather=4, source_band=True)
    assert decode_job(encode_job(make_job(request))).plan.request == request


def test_a_path_in_another_encoding_is_read_back() -> None:
    path = Path("/caf\udce9/shifts.tif")
    job = make_job(
        Request.of(
            product="dtm",
            bbox=BOX,
            bbox_crs=NATIVE_CRS,
            vertical_datum="CGVD28",
            vertical_grid=path,
        )
    )
    assert decode_job(encode_job(job)).plan.request.vertical_grid == path


def test_the_hash_is_of_the_content(job: Job) -> None:
    other = seal_job(replace(job, scheme="50km"))
    assert other.sha256 != job.sha256
    assert seal_job(replace(other, scheme=job.scheme)) == job


def test_an_altered_job_is_refused(job: Job) -> None:
    with pytest.raises(RequestError, match=r"OUT/job\.json was altered"):
        decode_job(encode_job(job).replace(b'"features"', b'"50km"'), "OUT/job.json")


def test_an_altered_job_can_be_replaced_and_no_tile_of_it_is_kept(job: Job) -> None:
    job = seal_job(replace(job, tiles=(plan_tile("a", Window(0, 0, 9, 9), (0,)),)))
    intact, altered = encode_job(job), encode_job(job).replace(b'"features"', b'"50km"')
    assert decode_job(altered, is_replaced=True).tiles == (replace(job.tiles[0], key=""),)
    assert decode_job(intact, is_replaced=True).tiles == job.tiles


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff", b'{"sha256": 1}'])
def test_other_files_are_no_jobs(content: bytes) -> None:
    with pytest.raises(RequestError, match="is not a job of tiles, or is damaged"):
        decode_job(content)


def test_a_job_of_another_version_names_it(job: Job) -> None:
    document = json.loads(encode_job(job)) | {"format": 99, "hrdem": "9.1"}
    with pytest.raises(RequestError, match=r"version 99 .* from hrdem 9\.1"):
        decode_job(json.dumps(document).encode())


@pytest.mark.slow
def test_a_linked_datum_is_linked_again() -> None:
    """By the operation that PROJ has on the machine of the worker, which has to be the same."""
    request = Request.of(product="dtm", bbox=BOX, bbox_crs=NATIVE_CRS, crs=OLD, resolution=2.3)
    content = encode_job(make_job(request))
    found = decode_job(content).plan
    assert isinstance(found.request.crs, LinkedCrs)
    assert isinstance(request.crs, LinkedCrs)
    assert found.request.crs.operation == request.crs.operation
    assert isinstance(found.grid.crs, LinkedCrs)


@pytest.mark.slow
def test_a_machine_without_the_operation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request.of(product="dtm", bbox=BOX, bbox_crs=NATIVE_CRS, crs=OLD, resolution=2.3)
    content = encode_job(make_job(request))
    monkeypatch.setattr("hrdem.tiling.job_file.link_crs", lambda crs, *_, **__: crs)
    with pytest.raises(RequestError, match="this machine has nothing"):
        decode_job(content)
