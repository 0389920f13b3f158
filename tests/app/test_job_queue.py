"""Jobs run as the command line does, stop when they are cancelled, and are nobody else's."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from hrdem.app import job_queue
from hrdem.app.job import Job, State
from hrdem.app.job_store import JobStore, StoredArea
from hrdem.app.problems import RefusedError
from hrdem.app.run_job import Outcome
from hrdem.app.settings import Settings
from hrdem.demo import Addresses
from tests.app.conftest import BOX, TestClient, browse, running, serving, wait_for

LARGE = {"bbox": [-75.8, 45.3, -75.6, 45.5]}


def state_of(client: TestClient, job: dict[str, Any]) -> str:
    return client.get(f"/api/jobs/{job['id']}").json()["state"]


def wait_until_done(client: TestClient, job: dict[str, Any]) -> dict[str, Any]:
    wait_for(lambda: state_of(client, job) not in ("queued", "running"))
    return client.get(f"/api/jobs/{job['id']}").json()


@pytest.mark.slow
def test_a_job_writes_the_file_of_the_command_line(
    demo_settings: Settings, demo: Addresses, tmp_path: Path
) -> None:
    with running(demo_settings) as client:
        job = client.post("/api/jobs", json={"area": BOX}).json()
        assert job["state"] in ("queued", "running")
        done = wait_until_done(client, job)
        assert (done["state"], done["error"]) == ("done", None)
        assert [file["role"] for file in done["files"]] == ["raster", "item"]
        file = f"/api/jobs/{job['id']}/files/dtm.tif"
        raster = client.get(file)
        part = client.get(file, headers={"range": "bytes=0-3"})
        view = client.get(f"/api/jobs/{job['id']}/view/dtm").json()
    command = [sys.executable, "-m", *done["command_line"].replace(" --demo", "").split()]
    services = [f"--stac-url={demo.stac}", f"--wcs-url={demo.wcs}", "--no-cache"]
    subprocess.run([*command, *services], cwd=tmp_path, check=True, capture_output=True)
    assert raster.content == (tmp_path / "dtm.tif").read_bytes()
    assert raster.headers["content-disposition"].startswith("attachment;")
    assert (part.status_code, part.content) == (206, raster.content[:4])
    assert sum(view["histogram"]["counts"]) == view["statistics"]["valid"] > 0
    assert view["statistics"]["mean"] == done["summary"]["dtm"]["statistics"]["mean"]


@pytest.mark.slow
def test_a_running_job_is_cancelled_and_leaves_nothing(demo_settings: Settings) -> None:
    with running(demo_settings) as client:
        job = client.post("/api/jobs", json={"area": LARGE, "products": ["chm"]}).json()
        wait_for(lambda: state_of(client, job) == "running")
        refused = client.delete(f"/api/jobs/{job['id']}")
        client.post(f"/api/jobs/{job['id']}/cancel")
        done = wait_until_done(client, job)
        assert (refused.status_code, done["state"], done["files"]) == (409, "cancelled", [])
        folder = demo_settings.data / "jobs" / job["id"]
        assert not [*folder.iterdir()]
        assert client.delete(f"/api/jobs/{job['id']}").status_code == 204
        assert not folder.exists()


@pytest.mark.slow
def test_a_server_that_stops_queues_its_jobs_again(demo_settings: Settings) -> None:
    with running(demo_settings) as client:
        job = client.post("/api/jobs", json={"area": LARGE, "products": ["chm"]}).json()
        wait_for(lambda: state_of(client, job) == "running")
        cookies = client.cookies
    with running(replace(demo_settings, workers=1)) as client:
        client.cookies = cookies
        found = client.get(f"/api/jobs/{job['id']}").json()
        assert found["state"] in ("queued", "running")
        client.post(f"/api/jobs/{job['id']}/cancel")


@pytest.mark.slow
def test_a_job_that_fails_says_why(demo_settings: Settings) -> None:
    with running(replace(demo_settings, max_download=1)) as client:
        done = wait_until_done(client, client.post("/api/jobs", json={"area": BOX}).json())
    assert done["state"] == "failed"
    assert done["error"]["class"] == "RequestError"
    assert "--max-download" in done["error"]["message"] + done["error"]["hint"]


def test_the_jobs_of_one_browser_are_not_those_of_another(client: TestClient) -> None:
    job = client.post("/api/jobs", json={"area": BOX}).json()
    other = browse(client.app)
    other.get("/api/config")
    path = f"/api/jobs/{job['id']}"
    assert client.get(path).status_code == 200
    assert other.get("/api/jobs").json() == []
    for method, each in (
        ("GET", path),
        ("DELETE", path),
        ("POST", f"{path}/cancel"),
        ("POST", f"{path}/again"),
        ("GET", f"{path}/files/dtm.tif"),
        ("GET", f"{path}/view/dtm"),
    ):
        assert other.request(method, each).status_code == 404, each
    assert client.post(f"{path}/cancel").json()["state"] == "cancelled"


@pytest.mark.parametrize("name", ["../../jobs.sqlite", "..%2f..%2fjobs.sqlite", "%2fetc%2fpasswd"])
def test_a_file_that_a_job_does_not_list_is_not_sent(client: TestClient, name: str) -> None:
    job = client.post("/api/jobs", json={"area": BOX}).json()
    assert client.get(f"/api/jobs/{job['id']}/files/{name}").status_code == 404
    assert client.get(f"/static/{name}").status_code == 404


def test_a_browser_has_a_number_of_jobs(settings: Settings) -> None:
    with serving(replace(settings, max_jobs=2)) as client:
        codes = [client.post("/api/jobs", json={"area": BOX}).status_code for _ in range(3)]
    assert codes == [201, 201, 429]


def test_the_oldest_results_make_room(settings: Settings) -> None:
    now = time.time()
    with serving(replace(settings, max_disk=100, keep_days=1)) as client:
        shared = client.app.state.shared
        for number, (days, size) in enumerate([(2, 1), (0.3, 60), (0.2, 60), (0.1, 30)]):
            job = Job(str(number), "a", {"area": BOX}, "", 0.0, finished=now - days * 86_400)
            shared.store.save(replace(job, state=State.DONE, bytes=size))
            (shared.queue.folder / job.id).mkdir()
        shared.store.save(Job("5", "a", {"area": BOX}, "", 0.0))  # waits
        (shared.queue.folder / "5").mkdir()
        anyio.run(shared.queue.evict)
        assert sorted(path.name for path in shared.queue.folder.iterdir()) == ["2", "3", "5"]
        assert {job.id for job in shared.store.list_of("a")} == {"2", "3", "5"}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs that have no process and end at once."""

    async def end(*_: object) -> Outcome:
        return Outcome(0, {"request": {"product": "dtm"}}, "")

    monkeypatch.setattr(job_queue, "run_process", end)
    monkeypatch.setattr(job_queue, "list_files", lambda *_: [])
    monkeypatch.setattr(job_queue, "SECONDS_AFTER_FAILURE", 0.01)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("full_at", [1, 2, 3])
def test_jobs_go_on_after_the_disk_was_full(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, full_at: int
) -> None:
    """Whichever change of its jobs could not be written: added, running, done."""
    save, calls = JobStore.save, []

    def save_or_fail(store: JobStore, job: Job) -> None:
        calls.append(job.state)
        if len(calls) in range(full_at, full_at + 3):
            raise sqlite3.OperationalError("database or disk is full")
        save(store, job)

    monkeypatch.setattr(JobStore, "save", save_or_fail)
    with running(settings) as client:
        if full_at == 1:
            for _ in range(3):
                refused = client.post("/api/jobs", json={"area": BOX})
                assert refused.status_code == 507
                assert "Free space" in refused.json()["error"]["hint"]
        job = client.post("/api/jobs", json={"area": BOX}).json()
        assert wait_until_done(client, job)["state"] == "done"
        assert client.delete(f"/api/jobs/{job['id']}").status_code == 204


@pytest.mark.usefixtures("quick")
def test_results_that_cannot_be_removed_do_not_stop_the_queue(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their files go first, so that a full disk gets room for the change of the row."""
    removed, fails = JobStore.delete, iter([True, True])

    def delete(store: JobStore, id_: str) -> None:
        assert not (settings.data / "jobs" / id_).exists()
        if next(fails, False):
            raise sqlite3.OperationalError("database or disk is full")
        removed(store, id_)

    monkeypatch.setattr(JobStore, "delete", delete)
    old = Job("old", "a", {"area": BOX}, "", 0.0, finished=1.0, state=State.DONE)
    with serving(settings) as client:
        client.app.state.shared.store.save(old)
        (settings.data / "jobs" / "old").mkdir()
        with client:
            for _ in range(2):
                job = client.post("/api/jobs", json={"area": BOX}).json()
                assert wait_until_done(client, job)["state"] == "done"
        assert client.app.state.shared.store.get("old") is None


@pytest.mark.usefixtures("quick")
def test_the_file_that_a_shown_command_reads_can_be_downloaded(settings: Settings) -> None:
    """Before a job, and from it; by its own browser."""
    ring = [[-75.72, 45.4], [-75.71, 45.4], [-75.715, 45.41], [-75.72, 45.4]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    with running(settings) as client:
        id_ = client.post("/api/areas?name=a.geojson", json=shape).json()["id"]
        path = f"/api/areas/{id_}/area.geojson"
        sent = client.get(path)
        job = client.post("/api/jobs", json={"area": {"upload": id_}}).json()
        (file,) = wait_until_done(client, job)["files"]
        other = browse(client.app)
        other.get("/api/config")
        assert "--aoi area.geojson" in job["command_line"]
        assert sent.headers["content-disposition"] == 'attachment; filename="area.geojson"'
        assert sent.json()["features"][0]["geometry"] == shape
        assert (file["name"], file["role"]) == ("area.geojson", "area")
        assert client.get(f"/api/jobs/{job['id']}/files/area.geojson").content == sent.content
        assert other.get(path).status_code == 404
        assert client.get("/api/areas/unknown/area.geojson").status_code == 404


def test_a_job_whose_area_was_removed_is_not_repeated(settings: Settings) -> None:
    job = Job("1", "", {"area": {"upload": "x"}}, "", 0.0, state=State.DONE)
    with serving(settings) as client:
        queue = client.app.state.shared.queue
        client.app.state.shared.store.save(job)
        with pytest.raises(RefusedError, match="Choose it again"):
            queue.again("", "1")


@pytest.mark.slow
def test_a_job_that_is_being_cancelled_stays_so_when_the_server_stops(
    demo_settings: Settings,
) -> None:
    with running(demo_settings) as client:
        job = client.post("/api/jobs", json={"area": LARGE, "products": ["chm"]}).json()
        wait_for(lambda: state_of(client, job) == "running")
        client.post(f"/api/jobs/{job['id']}/cancel")
        cookies = client.cookies
    with serving(demo_settings) as client:
        client.cookies = cookies
        assert state_of(client, job) == "cancelled"


def test_what_a_killed_server_left_is_removed(settings: Settings) -> None:
    done = Job("done", "a", {"area": BOX}, "", 0.0, finished=time.time(), run=2, state=State.DONE)
    with serving(settings) as client:
        shared = client.app.state.shared
        shared.store.save(done)
        shared.store.save(replace(done, id="ran", state=State.RUNNING, finished=None))
        for name in ("done/run-1", "done/run-2", "ran/run-2", "unknown/run-1"):
            (shared.queue.folder / name).mkdir(parents=True)
        shared.store.add_area(StoredArea("area", "a", {}))
        for name in ("area", "begun"):
            (settings.data / "areas" / name).mkdir()
        shared.queue.recover()
        assert [path.name for path in (settings.data / "areas").iterdir()] == ["area"]
        assert sorted(path.parent.name for path in shared.queue.folder.glob("*/run-*")) == ["done"]
        assert [job.id for job in shared.store.queued()] == ["ran"]
