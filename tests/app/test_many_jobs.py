"""A queue of many jobs ends well, and takes little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.app.conftest import pixels_of, wait_for
from tests.app.test_server import app

JOBS, MAX_SERVER_BYTES = 50, 300_000_000
PRODUCTS = ("dtm", "dsm", "dtm-slope", "dtm-hillshade", "chm")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_fifty_jobs_queued_at_once_are_right(tmp_path: Path) -> None:
    with app(tmp_path / "data", "--demo") as (process, url), httpx.Client(base_url=url) as client:
        client.get("/api/config")
        jobs = []
        for number in range(JOBS):
            west = -75.8 + 0.004 * number
            request = {
                "area": {"bbox": [west, 45.40, west + 0.003, 45.402]},
                "products": [PRODUCTS[number % len(PRODUCTS)]],
            }
            jobs.append(client.post("/api/jobs", json=request).json())
        for job in jobs[:5]:
            client.post("/api/estimate", json=job["request"], timeout=60).raise_for_status()
        wait_for(lambda: {job["state"] for job in client.get("/api/jobs").json()} == {"done"}, 900)
        lines = Path(f"/proc/{process.pid}/status").read_text("ascii").splitlines()
        (peak,) = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")]
        assert peak < MAX_SERVER_BYTES
        for job in jobs[:: JOBS // 7]:
            name = f"{job['request']['products'][0]}.tif"
            command = [sys.executable, "-m", *job["command_line"].split()]
            folder = tmp_path / job["id"]
            folder.mkdir()
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            sent = client.get(f"/api/jobs/{job['id']}/files/{name}").content
            assert (pixels_of(sent) == pixels_of((folder / name).read_bytes())).all()
