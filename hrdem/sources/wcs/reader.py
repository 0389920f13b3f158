"""Reading a WCS coverage: it is requested in chunks, which are cached as pieces on disk."""

from __future__ import annotations

import collections
import logging
import threading
import time
from pathlib import Path
from typing import Protocol

import numpy as np
import rasterio

from hrdem.errors import (
    HrdemError,
    NetworkError,
    OutputError,
    ServerError,
    SourceError,
    TransferError,
    WcsError,
)
from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.http.protocol import Http
from hrdem.http.retry import Retries, RetryableError
from hrdem.http.timeouts import Timeouts
from hrdem.runtime.gdal_errors import GDAL_ERRORS, raise_if_out_of_memory
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import end_sentence
from hrdem.sources.gdal_band import describe_band, read_band
from hrdem.sources.ogc_exceptions import is_too_large, read_refusal, size_limit
from hrdem.sources.protocol import MAX_SERVICE_REQUESTS, Fetched
from hrdem.sources.wcs.chunking import ChunkScheduler, subtract
from hrdem.sources.wcs.deadline import FirstChunkDeadline
from hrdem.sources.wcs.get_coverage import get_coverage_params
from hrdem.sources.wcs.piece_store import PieceStore
from hrdem.sources.wcs.response import (
    ChunkTooLargeError,
    check_coverage,
    extract_tiff,
    is_placeholder,
)

_MAX_FAILURES_PER_CHUNK = 2  # server errors for one chunk before it is halved
_MAX_LOST_PIECES = 100  # cached pieces that turn out to be unreadable
_MAX_RESPONSE_OVERHEAD_BYTES = 1 << 20  # besides the pixels
_MAX_RESPONSE_FACTOR = 4  # times the bytes of the uncompressed pixels
_READ_TIMEOUT_MARGIN = 1.1  # times the server's limit: its own message about it should arrive first
_OK = 200
_CONTENT_TOO_LARGE = 413  # RFC 9110, 15.5.14
_GATEWAY_STATUSES = (502, 503, 504)  # what gateways send for a server that takes too long

log = logging.getLogger(__name__)


class Coverage(Protocol):
    """The attributes of `hrdem.sources.wcs.coverage.WcsCoverage` that reading needs."""

    @property
    def url(self) -> str: ...
    @property
    def identifier(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def grid(self) -> Grid: ...
    @property
    def dtype(self) -> str: ...
    @property
    def nodata(self) -> float: ...
    @property
    def unit(self) -> str: ...
    @property
    def block(self) -> tuple[int, int]: ...
    @property
    def limit(self) -> float: ...
    def piece_store(self, cache: Path) -> PieceStore: ...


class WcsSource:
    """Pixels of a coverage, for several threads at the same time.

    A thread that needs pixels fetches missing chunks, two at a time and from top to bottom,
    whichever thread they are for; further threads wait until their pixels have arrived.

    Args:
        coverage: The coverage.
        http: HTTP client.
        within: Window that all reads stay in.
        cache: Cache folder.
        service_requests: Semaphore that each request acquires; shared by sources of one server.
        retries: Retry policy.
    """

    def __init__(
        self,
        coverage: Coverage,
        http: Http,
        within: Window,
        cache: Path,
        service_requests: threading.Semaphore,
        retries: Retries = Retries(),  # noqa: B008 (frozen)
    ) -> None:
        self.grid = coverage.grid
        self.dtype = coverage.dtype
        self.nodata = coverage.nodata
        self.block = coverage.block
        self._coverage = coverage
        self._http = http
        self._retries = retries
        self._store = coverage.piece_store(cache)
        self._store_lock = self._store.lock()
        cached = self._store.list_windows(
            sweep=not http.offline
        )  # offline, old pieces are all there is
        self._pieces = [piece for piece in cached if piece.intersection(within)]
        missing = [within]
        for piece in self._pieces:
            missing = [rest for whole in missing for rest in subtract(whole, piece)]
        for piece in self._pieces:
            self._store.touch(piece)
        if self._pieces:
            log.info("%d pieces of an earlier run are in the cache.", len(self._pieces))
        self._unchecked = set(self._pieces)
        self._lost = 0
        self._chunks = ChunkScheduler(missing, coverage.limit)
        self._changed = threading.Condition()
        self._service_requests = service_requests
        self._active = 0
        self._failures = 0  # in a row
        self._deadline = FirstChunkDeadline(coverage.limit)
        self._resume_at = 0.0  # time of the next request, monotonic clock
        self._tries: collections.Counter[Window] = collections.Counter()
        self._error: BaseException | None = None

    def close(self) -> None:
        """Send no further request, and raise in threads that wait."""
        self._stop(SourceError("The WCS is closed."))
        if self._store_lock is not None:
            self._store_lock.close()

    def fetch(self, window: Window) -> Fetched:
        """Fetch missing chunks until every pixel of a window is in the cache."""
        received = 0
        while (chunk := self._next_chunk(window)) is not None:
            try:
                received += self._fetch_chunk(chunk)
            except BaseException as exc:  # noqa: BLE001 (others wait for this chunk: all have to end)
                self._stop(exc)
            finally:
                with self._changed:
                    self._active -= 1
                    self._changed.notify_all()
        return Fetched(received, lambda: self._read_pieces(window))

    def _next_chunk(self, window: Window) -> Window | None:
        """Return a chunk to fetch; None when a window is complete."""
        present = examined = lost = 0
        with self._changed:
            while True:
                if self._error is not None:
                    raise self._error
                if lost != self._lost:  # counted pieces may be gone: count again
                    present, examined, lost = 0, 0, self._lost
                shared = (window.intersection(piece) for piece in self._pieces[examined:])
                present += sum(part.pixels for part in shared if part)
                examined = len(self._pieces)
                if present == window.pixels:
                    return None
                pause = self._resume_at - time.monotonic()
                if pause > 0:
                    self._changed.wait(pause)
                elif (
                    self._active < MAX_SERVICE_REQUESTS
                    and (chunk := self._chunks.take()) is not None
                ):
                    self._active += 1
                    return chunk
                else:
                    self._changed.wait()

    def _stop(self, error: BaseException) -> None:
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def _fetch_chunk(self, chunk: Window) -> int:
        """Request a chunk once and cache it; put it back after a failure that a retry may fix.

        Returns:
            Number of bytes received.
        """
        with self._service_requests:
            return 0 if self._error else self._request_and_record(chunk)

    def _request_and_record(self, chunk: Window) -> int:
        started = time.monotonic()
        self._deadline.begin()
        try:
            size = self._request(chunk)
        except RetryableError as exc:
            self._put_back(chunk, exc, time.monotonic() - started)
            return 0
        except (WcsError, ServerError, TransferError) as exc:
            raise self._give_up(chunk, str(exc), getattr(exc, "status", None)) from exc
        except FileNotFoundError:
            gone = RetryableError("Another run has removed the folder of its pieces.", _OK)
            self._put_back(chunk, gone, time.monotonic() - started)
            return 0
        except OSError as exc:
            if isinstance(exc, HrdemError):
                raise
            raise OutputError(
                f"A piece of the coverage cannot be written to "
                f"{self._store.get_path(chunk).parent}: {exc}. Give another `cache_dir`, or free "
                "disk space."
            ) from exc
        seconds = time.monotonic() - started
        with self._changed:
            self._failures = 0
            self._deadline.record_success()
            self._chunks.record_success(chunk, seconds)
            self._pieces.append(chunk)
        log.info("%s arrived in %.1f s.", _describe(chunk), seconds)
        return size

    def _request(self, chunk: Window) -> int:
        coverage = self._coverage
        grid = self.grid.crop(chunk)
        body = self._store.make_partial_path(chunk)
        tiff = body.with_suffix(".tif.partial")
        limit = coverage.limit
        raw_bytes = chunk.pixels * np.dtype(coverage.dtype).itemsize
        try:
            response = self._http.download(
                coverage.url,
                body,
                params=get_coverage_params(coverage.identifier, coverage.media_type, grid),
                timeouts=Timeouts(read=_READ_TIMEOUT_MARGIN * limit, total=limit, slow=limit),
                max_bytes=_MAX_RESPONSE_OVERHEAD_BYTES + _MAX_RESPONSE_FACTOR * raw_bytes,
                trusted=True,
            )
            extract_tiff(body, tiff)
            check_coverage(tiff, grid, coverage.dtype, coverage.nodata, coverage.unit)
            self._store.add(chunk, tiff)
            self._http.mark_resumable()
            return response.size
        except (RetryableError, ServerError) as exc:
            parsed = _parse_refusal(exc)
            if parsed is exc:
                raise
            raise parsed from exc
        finally:
            for path in (body, tiff):
                path.unlink(missing_ok=True)

    def _put_back(self, chunk: Window, error: RetryableError, seconds: float) -> None:
        """Schedule a chunk again after a wait, in halves or as it is.

        Raises:
            NetworkError: If the retry policy allows no further try.
        """
        max_edge = error.max_edge if isinstance(error, ChunkTooLargeError) else None
        with self._changed:
            smaller = (
                isinstance(error, ChunkTooLargeError)
                or _is_overloaded(error)
                or (_is_server_error(error) and self._tries[chunk] >= _MAX_FAILURES_PER_CHUNK)
            )
            self._failures += 1
            self._deadline.record_failure(seconds)
            halved = smaller and self._chunks.record_failure(chunk, seconds, max_edge)
            if not halved:
                self._tries[chunk] += 1
            tries = 0 if halved else self._tries[chunk]
            try:
                wait = self._retries.next_wait(error, tries, self._failures)
            except (ServerError, TransferError) as exc:
                raise self._give_up(chunk, str(exc), error.status) from exc
            if error.after is None:
                wait = max(0.0, wait - seconds)
            if max_edge is not None:  # a server that states its limit needs no time to recover
                wait = 0.0
            # a wait that the server requests is granted as long as time is left
            if self._deadline.is_over(wait if error.after is None else 0.0):
                tried = f"Nothing has arrived in {self._deadline.elapsed:.0f} s."
                message = f"{end_sentence(str(error))} {tried}"
                raise self._give_up(chunk, message, error.status) from error
            if not halved:
                self._chunks.put_back(chunk)
            self._resume_at = max(self._resume_at, time.monotonic() + wait)
        how = "in halves" if halved else "again"
        log.warning("%s: %s It is requested %s.", _describe(chunk), end_sentence(str(error)), how)

    def _give_up(self, chunk: Window, message: str, status: int | None = None) -> NetworkError:
        """Return the error of a chunk that cannot be fetched."""
        box = ",".join(f"{edge:.10g}" for edge in self.grid.crop(chunk).bounds)
        display_url = redact_secrets(self._coverage.url)
        message = message.replace(f"{display_url} ", "it ")
        resume = (
            "The pieces received so far are cached: run the same command again to resume. "
            if self._pieces
            else ""
        )
        text = (
            f"{display_url} does not return {self._coverage.identifier} "
            f"in the box {box} ({self.grid.crs}, {chunk.width} x {chunk.height} pixels): "
            f"{end_sentence(message)} {resume}COGs hold the same data: `via=cog`."
        )
        return WcsError(text) if status in (None, _OK) else ServerError(text, status or 0)

    def _read_pieces(self, window: Window) -> Pixels:
        """Read a window from cached pieces; fetch again those that are gone or damaged."""
        pixels = np.full((window.height, window.width), self.nodata, self.dtype)
        present = 0
        for piece in self._pieces.copy():
            shared = window.intersection(piece)
            if shared is not None:
                into = shared.shifted(-window.column, -window.row).slices
                try:
                    inside = shared.shifted(-piece.column, -piece.row)
                    pixels[into] = self._read_piece(piece, inside)
                except (*GDAL_ERRORS, RetryableError) as exc:
                    raise_if_out_of_memory(exc)
                    self._discard(piece, exc)
                else:
                    present += shared.pixels
        if present == window.pixels:
            return pixels
        return self.fetch(window).decode()

    def _read_piece(self, piece: Window, inside: Window) -> Pixels | float:
        path, grid = self._store.get_path(piece), self.grid.crop(piece)
        if piece in self._unchecked:  # the machine may have crashed in the run that wrote it
            check_coverage(path, grid, self.dtype, self.nodata, self._coverage.unit)
            self._unchecked.discard(piece)
        with rasterio.open(path, driver="GTiff") as dataset:
            if is_placeholder(dataset, grid):
                return self.nodata
            band = describe_band(dataset)
            pixels = read_band(dataset, band, inside)
            if not band.is_plain:
                pixels[pixels == band.nodata] = self.nodata
            return pixels

    def _discard(self, piece: Window, exc: Exception) -> None:
        """Remove a piece that cannot be read, and schedule it again."""
        with self._changed:
            if piece not in self._pieces:
                return  # another thread was first
            self._lost += 1
            if self._lost > _MAX_LOST_PIECES:
                raise SourceError(
                    f"Cached pieces cannot be read from {self._store.get_path(piece).parent}: "
                    f"{exc} Check the disk, or give another `cache_dir`."
                ) from exc
            log.warning(
                "%s cannot be read from the cache (%s): requested again.", _describe(piece), exc
            )
            self._pieces.remove(piece)
            self._unchecked.discard(piece)
            self._store.remove(piece)
            self._chunks.put_back(piece)


def _is_overloaded(error: RetryableError) -> bool:
    """Whether a response took the server too long to arrive, or to arrive whole."""
    return error.connected and error.status in (None, *_GATEWAY_STATUSES)


def _is_server_error(error: RetryableError) -> bool:
    """Whether a server failed over a request; too little memory is one reason."""
    return error.status is not None and error.status >= 500


def _parse_refusal(exc: RetryableError | ServerError) -> Exception:
    """Replace the message of an error by the server's own; detect a request that is too large."""
    refusal = read_refusal(exc.body) if exc.body else None
    if exc.status == _CONTENT_TOO_LARGE or (refusal and is_too_large(refusal)):
        return ChunkTooLargeError(str(refusal or exc), size_limit(refusal) if refusal else None)
    if refusal is None:
        return exc
    message = f"It answers {exc.status}: {end_sentence(str(refusal))}"
    if isinstance(exc, RetryableError):
        return RetryableError(message, exc.status, exc.after, exc.body, connected=exc.connected)
    return ServerError(message, exc.status, exc.body)


def _describe(chunk: Window) -> str:
    return f"Chunk of {chunk.width} x {chunk.height} pixels at {chunk.column}, {chunk.row}"
