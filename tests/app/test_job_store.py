"""Jobs outlive the server, and wait in a fair order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hrdem.app.job import Job, State
from hrdem.app.job_store import JobStore, StoredArea
from hrdem.errors import OutputError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    with JobStore(tmp_path / "jobs.sqlite") as store:
        yield store


def job(id_: str, owner: str = "a", state: State = State.QUEUED, created: float = 0.0) -> Job:
    return Job(id_, owner, {"area": {}}, "label", created, state=state)


def test_a_job_is_read_as_it_was_saved(tmp_path: Path) -> None:
    saved = replace(job("1"), result={"files": [{"name": "é.tif"}]}, bytes=1 << 40, run=2)
    with JobStore(tmp_path / "jobs.sqlite") as store:
        store.save(saved)
    with JobStore(tmp_path / "jobs.sqlite") as store:
        assert store.get("1") == saved
        assert store.get("2") is None


def test_jobs_that_ran_wait_again(store: JobStore) -> None:
    store.save(job("1", state=State.RUNNING))
    store.save(job("2", state=State.DONE))
    store.queue_again()
    assert [each.id for each in store.queued()] == ["1"]


def test_jobs_that_were_being_cancelled_do_not_run_again(store: JobStore) -> None:
    store.save(replace(job("1", state=State.RUNNING), finished=1.0))
    assert store.finished() == []  # its files are not to be removed yet
    assert store.queue_again() == []
    (found,) = store.finished()
    assert found.state is State.CANCELLED


def test_a_browser_with_many_jobs_does_not_keep_others_waiting(store: JobStore) -> None:
    for number in range(3):
        store.save(job(f"a{number}", "a", created=number))
    store.save(job("b", "b", created=9))
    store.save(replace(job("a0", "a"), state=State.RUNNING))
    found = store.next_queued()
    assert found is not None
    assert found.id == "b"


def test_a_browser_sees_its_own_jobs_and_areas(store: JobStore) -> None:
    store.save(job("1", "a"))
    store.save(job("2", "b"))
    store.add_area(StoredArea("area", "a", {"label": "x"}))
    assert [each.id for each in store.list_of("a")] == ["1"]
    assert store.count_open("a") == 1
    assert store.count_open() == 2
    assert store.get_area("area", "a") is not None
    assert store.get_area("area", "b") is None


def test_the_oldest_areas_of_a_browser_go_first(store: JobStore) -> None:
    for number in range(3):
        store.add_area(StoredArea(str(number), "a", {}))
    store.add_area(StoredArea("other", "b", {}))
    assert sorted(store.drop_areas("a", 1)) == ["0", "1"]
    assert store.get_area("2", "a") is not None


def test_a_second_server_on_the_same_folder_is_refused(store: JobStore, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="another hrdem app uses it"):
        JobStore(tmp_path / "jobs.sqlite")


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_text("notes " * 100, "utf-8")
    with pytest.raises(OutputError, match="cannot be opened"):
        JobStore(path)
    assert path.read_text("utf-8").startswith("notes")
