"""Looks before an extraction tell what the command line tells."""

from __future__ import annotations

import pytest

import hrdem
from hrdem.app.settings import Settings
from hrdem.demo import Addresses
from tests.app.conftest import BOX, TestClient, running

FILLED = {"area": BOX, "products": ["dtm", "dtm-slope", "chm"], "fill": ["30m"]}


@pytest.fixture(scope="module")
def plan(demo: Addresses) -> hrdem.Plan:
    return hrdem.plan(
        bbox=BOX["bbox"], product="chm", fill="30m", stac_url=demo.stac, no_cache=True
    )


@pytest.mark.slow
def test_an_estimate_counts_shared_tiles_once(demo_settings: Settings, plan: hrdem.Plan) -> None:
    alone = hrdem.estimate(plan, no_cache=True)  # of both surfaces, which the others read too
    with running(demo_settings) as client:
        found = client.post("/api/estimate", json=FILLED).json()
        surveys = client.post("/api/surveys", json=FILLED).json()
        again = client.post("/api/estimate", json=FILLED).json()
    assert found["transfer_bytes"] == alone.transfer_bytes
    assert (found["width"], found["height"]) == (plan.grid.width, plan.grid.height)
    assert found["output_bytes"] == 3 * alone.output_bytes
    assert found["total_percent"] == alone.coverage_percent
    assert [each["collection"] for each in found["coverage"]] == ["1m", "30m"]
    assert found["command_line"].startswith("hrdem extract --demo --bbox")
    assert surveys["surveys"][0]["year"]
    assert again["surveys"] == surveys["surveys"]


@pytest.mark.slow
def test_heights_and_profiles_are_those_of_the_functions(
    demo_settings: Settings, demo: Addresses
) -> None:
    lon, lat = -75.7195, 45.4005
    line = [[lon, lat], [lon + 0.03, lat]]
    services = {"stac_url": demo.stac, "no_cache": True}
    (value,) = hrdem.sample([(lon, lat)], product="dtm", **services).values
    with running(demo_settings) as client:
        height = client.post("/api/height", json={"lon": lon, "lat": lat}).json()
        profile = client.post("/api/profile", json={"line": line}).json()
        nothing = client.post("/api/height", json={"lon": -40, "lat": 45}).json()
    assert (height["value"], height["unit"]) == (value, "metre")
    assert (height["source"], height["vertical_datum"]) == ("9_2-mosaic-1m", "CGVD2013")
    assert 900 < len(profile["stations"]) <= 1000
    assert profile["stations"][0]["value"] == pytest.approx(value, abs=1)
    assert nothing["value"] is None


def test_a_profile_across_the_world_is_refused(client: TestClient) -> None:
    """Before anything is computed, which would take the memory of the server."""
    line = [[-141, 60], [-53, 47]] * 3
    response = client.post("/api/profile", json={"line": line})
    assert response.status_code == 400
    assert "at most 20,000 km" in response.json()["error"]["hint"]


def test_tiles_have_numbers(client: TestClient) -> None:
    for number in ("9" * 5000, "-1", "1.5", "٣"):
        assert client.get(f"/map/dtm-hillshade/{number}/1/1.png").status_code == 404


@pytest.mark.slow
@pytest.mark.long  # it is tried several times
def test_a_service_that_fails_is_reported(settings: Settings) -> None:
    with running(settings) as client:
        response = client.post("/api/estimate", json={"area": BOX})
    assert response.status_code == 502
    assert response.json()["error"]["class"] == "TransferError"


@pytest.mark.slow
def test_a_preview_is_a_picture(demo_settings: Settings) -> None:
    with running(demo_settings) as client:
        response = client.post("/api/preview", json={"area": BOX})
    assert response.headers["content-type"] == "image/png"
    assert response.content.startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_map_has_tiles_and_outlines(demo_settings: Settings) -> None:
    with running(demo_settings) as client:
        tile = client.get("/map/dtm-hillshade/12/1186/1465.png")
        assert tile.content.startswith(b"\x89PNG")
        assert client.get("/map/dtm-hillshade/12/1186/1465.png").content == tile.content
        for path in ("chm/12/1186/1465", "dtm-hillshade/1/2/0", "dtm-hillshade/21/0/0"):
            assert client.get(f"/map/{path}.png").status_code == 404
        found = client.get("/api/outlines?collection=30m").json()
        assert {each["properties"]["kind"] for each in found["features"]} >= {"tile"}
        assert client.get("/api/outlines?collection=lidar").status_code == 400
