"""Fixtures shared by the tests of faults."""

from __future__ import annotations

import pytest

from hrdem.http.retry import Retries
from hrdem.sources.wcs import chunking
from tests.faults.wcs_service import EDGE


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Request small chunks of a WCS and retry without a pause."""
    monkeypatch.setattr(chunking, "FIRST_CHUNK_PIXELS", EDGE**2)
    monkeypatch.setattr(chunking, "MAX_CHUNK_PIXELS", EDGE**2)
    monkeypatch.setattr(Retries, "wait_after", lambda self, failures: 0.0)
