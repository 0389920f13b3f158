"""A look before an extraction: estimates, pictures, heights and profiles, on one shared session.

All of it runs in threads. The libraries that it needs are imported there, after the page is served.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLateError
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import hrdem
from hrdem.app.choices import area_parameters
from hrdem.app.equivalents import to_parameters
from hrdem.app.recent import Recent
from hrdem.app.settings import Services
from hrdem.errors import NoDataError

PICTURE_PIXELS = 512  # longer edge of a preview
SURVEY_SECONDS = 0.15  # that an estimate waits for surveys
MAX_SURVEYS_IN_WAIT = 8
MAX_STATIONS = 1_000
MAX_RECENT = 256
RECENT_SECONDS = 300.0
BYTES_PER_SECOND = 12_000_000  # of a usual connection: 100 Mbit/s
SECONDS_TO_START = 1.0
_FIRST_NEEDED = ("Estimate", "Plan", "extract_products", "preview", "surveys")
_SHADES = {"dtm": "dtm-hillshade", "dsm": "dsm-hillshade", "chm": "dsm-hillshade"}

_messages: ContextVar[list[str] | None] = ContextVar("messages", default=None)


class Looker:
    """Looks at areas for the page; its functions are called in threads.

    Args:
        services: The services that are read.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._session: hrdem.Session | None = None
        self._surveys: Recent[Future[dict[str, Any]]] = Recent(MAX_RECENT, RECENT_SECONDS)
        self._threads = ThreadPoolExecutor(1, "surveys")
        self._waiting = threading.BoundedSemaphore(MAX_SURVEYS_IN_WAIT)

    @property
    def session(self) -> hrdem.Session:
        """The session that all looks share; made when it is first needed."""
        with self._lock:
            if self._session is None:
                self._session = hrdem.Session()
            return self._session

    def warm_up(self) -> None:
        """Import what the first look needs, and make the session."""
        for name in _FIRST_NEEDED:
            getattr(hrdem, name)
        _ = self.session

    def close(self) -> None:
        """Close the session."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            if self._session is not None:
                self._session.close()

    def estimate(self, request: Mapping[str, Any], area_file: Path | None) -> dict[str, Any]:
        """Estimate what an extraction reads and writes.

        Args:
            request: The checked request.
            area_file: File of an uploaded area; None for other areas.

        Raises:
            HrdemError: If the request is invalid, there is no data, or a service fails.
        """
        surveys = self._look_up_surveys(request, area_file)
        parameters = to_parameters(request, None if area_file is None else str(area_file))
        for name in ("output", "format"):
            parameters.pop(name, None)
        with _collect_warnings() as warnings:
            plans = [
                hrdem.plan(
                    http=self.session,
                    **(parameters | {"product": product}),
                    **self._services.reading,
                )
                for product in request["products"]
            ]
            estimates = [
                hrdem.estimate(plan, http=self.session, **self._services.cache) for plan in plans
            ]
        plan, estimate = plans[0], estimates[0]
        transfer, cached = _add_up(plans, estimates)
        names = {source.name: source.collection.name for source in plan.sources}
        shares = dict.fromkeys((request["collection"], *request["fill"]), 0.0)
        for name, percent in estimate.coverage_percent_by_item.items():
            collection = names[name]
            shares[collection] = min(shares[collection] + percent, 100.0)
        dx, dy = plan.grid.resolution
        return {
            "label": plan.request.aoi.label,
            "transfer_bytes": transfer,
            "cached_bytes": cached,
            "output_bytes": sum(each.output_bytes for each in estimates),
            "seconds": None
            if transfer is None
            else SECONDS_TO_START + (transfer - (cached or 0)) / BYTES_PER_SECOND,
            "width": plan.grid.width,
            "height": plan.grid.height,
            "crs": plan.grid.crs,
            "resolution": [dx, dy],
            "coverage": [
                {"collection": name, "percent": percent} for name, percent in shares.items()
            ],
            "total_percent": estimate.coverage_percent,
            **_wait_for(surveys),
            "warnings": [*dict.fromkeys([*warnings, *plan.tiers_without_data.values()])],
        }

    def list_surveys(self, request: Mapping[str, Any], area_file: Path | None) -> dict[str, Any]:
        """List the surveys under an area, the newest first.

        Raises:
            HrdemError: If a service fails.
        """
        try:
            found = hrdem.surveys(
                http=self.session,
                product="dsm" if request["products"][0].startswith("dsm") else "dtm",
                collection=request["collection"],
                **area_parameters(request["area"], area_file),
                **self._services.catalogue,
            ).as_dict()
        except NoDataError:
            return {"surveys": [], "surveys_unknown": True}
        surveys = [
            {
                "name": each["project"],
                "year": each["year"],
                "percent": 100 * each["share"],
                "resolution": each["resolution"],
            }
            for each in found["surveys"]
        ]
        surveys.sort(key=lambda each: (-(each["year"] or 0), -each["percent"]))
        return {"surveys": surveys, "surveys_unknown": bool(found["unknown"])}

    def draw(self, request: Mapping[str, Any], area_file: Path | None) -> bytes:
        """Draw an area as a PNG: the shaded relief of heights, or the first product itself.

        Raises:
            HrdemError: If there is no data, or a service fails.
        """
        product = request["products"][0]
        with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
            output = Path(folder, "preview.png")
            hrdem.preview(
                http=self.session,
                product=_SHADES.get(product, product),
                collection=request["collection"],
                size=PICTURE_PIXELS,
                output=output,
                **area_parameters(request["area"], area_file),
                **self._services.drawing,
            )
            return output.read_bytes()

    def sample(self, lon: float, lat: float, reading: Mapping[str, Any]) -> dict[str, Any]:
        """Read the value at a point; None where there is no data.

        Raises:
            HrdemError: If a service fails.
        """
        empty = {"value": None, "source": None, "survey": None, "year": None}
        unit = _get_unit(reading["product"])
        try:
            samples = hrdem.sample(
                [(lon, lat)], http=self.session, surveys=True, **reading, **self._services.reading
            )
        except NoDataError:
            return {**empty, "unit": unit, "vertical_datum": None}
        row = {name: column[0] for name, column in samples.columns().items()}
        return {
            "value": float(samples.values[0]),
            "unit": unit,
            "source": row["source"] or None,
            "survey": row.get("survey") or None,
            "year": int(row["year"]) if row.get("year") else None,
            "vertical_datum": row.get("vertical_datum") or None,
        }

    def profile(
        self, line: Sequence[tuple[float, float]], reading: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Read the values along a line, at no more than 1,000 stations.

        Raises:
            HrdemError: If no station has data, or a service fails.
        """
        import numpy as np  # noqa: PLC0415
        from pyproj import Geod  # noqa: PLC0415

        length = Geod(ellps="GRS80").line_length(*zip(*line, strict=True))
        finest = {each.name: each.resolution for each in hrdem.collections()}
        spacing = max(float(finest[reading["collection"]]), length / (MAX_STATIONS - 2))
        made = hrdem.profile(
            {"type": "LineString", "coordinates": [*line]},
            spacing=spacing,
            http=self.session,
            **reading,
            **self._services.reading,
        )
        rows = zip(
            made.distance,
            *made.table.points.T,
            made.values,
            np.full(len(made.values), np.nan) if made.slope is None else made.slope,
            strict=True,
        )
        names = "distance", "lon", "lat", "value", "slope"
        stations = [
            {name: _to_json(float(each)) for name, each in zip(names, row, strict=True)}
            for row in rows
        ]
        return {
            "stations": stations,
            "unit": _get_unit(reading["product"]),
            "length": float(made.distance[-1]),
            "spacing": spacing,
            "minimum": float(np.nanmin(made.values)),
            "maximum": float(np.nanmax(made.values)),
        }

    def _look_up_surveys(
        self, request: Mapping[str, Any], area_file: Path | None
    ) -> Future[dict[str, Any]] | None:
        """Look surveys up in another thread; None if too many wait."""
        key = repr((request["area"], request["collection"], request["products"][0][:3]))
        found = self._surveys.get(key)
        if found is not None:
            return found
        if not self._waiting.acquire(blocking=False):
            return None
        future = self._threads.submit(self.list_surveys, request, area_file)
        future.add_done_callback(lambda _: self._waiting.release())
        self._surveys.put(key, future)
        return future


def view(raster: Path) -> dict[str, Any]:
    """Return statistics and histogram of a raster.

    Raises:
        HrdemError: If it cannot be read.
    """
    found = hrdem.view(raster).as_dict()
    bars = found["histogram"]
    edges = [bar["low"] for bar in bars] + [bars[-1]["high"]] if bars else []
    return {
        "product": found["product"],
        "unit": found["unit"],
        "statistics": {
            name: found[name] for name in ("pixels", "valid", "minimum", "maximum", "mean")
        },
        "histogram": {"edges": edges, "counts": [bar["pixels"] for bar in bars]},
    }


def draw_view(raster: Path, language: str) -> bytes:
    """Draw a raster as a PNG with a legend.

    Raises:
        HrdemError: If it cannot be read, or matplotlib is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
        output = Path(folder, "view.png")
        hrdem.view(raster, output=output, language=language)
        return output.read_bytes()


def _add_up(
    plans: Sequence[hrdem.Plan], estimates: Sequence[hrdem.Estimate]
) -> tuple[int | None, int | None]:
    """Return the bytes to transfer, and those of them that are cached; None if unknown.

    Products that read the same files share their tiles: those whose files another one reads too do
    not count.
    """
    files = [frozenset(source.url for source in plan.sources) for plan in plans]
    counted = [
        each
        for number, each in enumerate(estimates)
        if not any(
            files[number] < other or (files[number] == other and place < number)
            for place, other in enumerate(files)
        )
    ]
    if any(each.transfer_bytes is None for each in counted):
        return None, None
    return (
        sum(each.transfer_bytes or 0 for each in counted),
        sum(each.cached_bytes or 0 for each in counted),
    )


def _wait_for(surveys: Future[dict[str, Any]] | None) -> dict[str, Any]:
    """Return the surveys if they are there soon; None in their place if not."""
    nothing = {"surveys": None, "surveys_unknown": True}
    if surveys is None:
        return nothing
    try:
        return surveys.result(SURVEY_SECONDS)
    except TooLateError:
        return nothing
    except hrdem.HrdemError:
        return {"surveys": [], "surveys_unknown": True}


def _get_unit(name: str) -> str:
    return next(product.unit for product in hrdem.products() if product.name == name)


def _to_json(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 (NaN is no JSON)


class _Collector(logging.Handler):
    """Collects the warnings of the call that runs in this thread."""

    def emit(self, record: logging.LogRecord) -> None:
        messages = _messages.get()
        if messages is not None:
            messages.append(record.getMessage())


_collector = _Collector(logging.WARNING)


@contextmanager
def _collect_warnings() -> Iterator[list[str]]:
    """Yield a list that gets the warnings of hrdem in this thread."""
    logger = logging.getLogger("hrdem")
    logger.addHandler(_collector)  # once: adding it again does nothing
    messages: list[str] = []
    token = _messages.set(messages)
    try:
        yield messages
    finally:
        _messages.reset(token)
