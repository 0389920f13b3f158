"""What the routes share, and how they find the browser and its areas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hrdem.app.events import Hub
from hrdem.app.job_queue import AREA_FILE, JobQueue
from hrdem.app.job_store import JobStore, StoredArea
from hrdem.app.limits import Lane
from hrdem.app.problems import no_area
from hrdem.app.recent import Recent
from hrdem.app.security import make_owner, set_owner
from hrdem.app.settings import Settings
from hrdem.app.shared_session import SharedSession


@dataclass(frozen=True, slots=True)
class AppState:
    """What the routes share.

    Attributes:
        settings: Settings of the server.
        store: Jobs and areas.
        hub: Streams of events.
        queue: Runs the jobs.
        session: Session of all looks.
        local: Lane of places, CRSs and areas, which need no service.
        looks: Lane of estimates, which a page asks for whenever something changes.
        slow_looks: Lane of surveys, pictures, heights and files of areas.
        tiles: Lane of tiles of the map.
        uploads: Lane of files of areas, from their first byte.
        estimates: Estimates of a short while ago, by request.
        surveys: Surveys of a short while ago, by area.
        outlines: GeoJSON of collections of a while ago.
        drawn: Tiles of the map of a while ago.
    """

    settings: Settings
    store: JobStore
    hub: Hub
    queue: JobQueue
    session: SharedSession
    local: Lane
    looks: Lane
    slow_looks: Lane
    tiles: Lane
    uploads: Lane
    estimates: Recent[dict[str, Any]]
    surveys: Recent[dict[str, Any]]
    outlines: Recent[bytes]
    drawn: Recent[bytes]

    def close(self) -> None:
        """End what pages wait for, for a server that stops."""
        self.hub.close()
        for lane in (self.local, self.looks, self.slow_looks, self.tiles, self.uploads):
            lane.close()

    def get_area(self, owner: str, id_: str) -> StoredArea:
        """Return an area that a browser sent.

        Raises:
            RefusedError: If there is none.
        """
        area = self.store.get_area(id_, owner)
        if area is None:
            raise no_area()
        return area

    def find_area_file(self, owner: str, area: Mapping[str, Any]) -> Path | None:
        """Return the file of an uploaded area; None for other areas.

        Raises:
            RefusedError: If there is none.
        """
        if "upload" not in area:
            return None
        return self.area_folder(self.get_area(owner, area["upload"]).id) / AREA_FILE

    def area_folder(self, id_: str) -> Path:
        """Return the folder of an uploaded area."""
        return self.settings.data / "areas" / id_


def state_of(request: Request) -> AppState:
    """Return what the routes share."""
    state = request.app.state.shared
    assert isinstance(state, AppState)
    return state


def owner_of(request: Request) -> str:
    """Return the id of the browser; empty if it has none yet, and so nothing here."""
    return request.state.owner or ""


def owner_or_new(request: Request) -> str:
    """Return the id of the browser, or a new one, which `keep_owner` lets it keep."""
    return request.state.owner or make_owner()


def keep_owner(request: Request, response: Response, owner: str) -> Response:
    """Let a browser keep its id, if that is a new one; return the response."""
    if request.state.owner is None:
        set_owner(response, owner)
    return response
