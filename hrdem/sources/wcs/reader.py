"""A coverage of a WCS, fetched in pieces that are kept on the local disk."""

from __future__ import annotations

import collections
import logging
import threading
import time
from pathlib import Path
from typing import Protocol

import numpy as np
import rasterio
import rasterio.windows

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
from hrdem.http.cache.client import CachingClient
from hrdem.http.protocol import Http
from hrdem.http.retry import Retries, RetryableError
from hrdem.http.timeouts import Timeouts
from hrdem.runtime.gdal_errors import GDAL_ERRORS
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import end_sentence
from hrdem.sources.ogc_exceptions import is_too_large, read_refusal, size_limit
from hrdem.sources.protocol import MAX_SERVICE_REQUESTS, Fetched
from hrdem.sources.wcs.chunking import ChunkScheduler, subtract
from hrdem.sources.wcs.get_coverage import get_coverage_params
from hrdem.sources.wcs.piece_store import PieceStore
from hrdem.sources.wcs.response import (
    ChunkTooLargeError,
    check_coverage,
    extract_tiff,
    is_placeholder,
)

_ENOUGH = 3  # times its limit, that a server may use up before anything has come
_PATIENCE = 2  # times that a server may break down over a piece before it is asked for in halves
_MOST_LOST = 100  # pieces that were kept and cannot be read
_SAID_OK = 200
_TOO_LARGE = 413  # RFC 9110, 15.5.14
_TOO_SLOW = (502, 503, 504)  # what gateways say of a server that takes too long
_OVERHEAD = 1 << 20  # bytes of an answer besides its pixels
_WIDEST = 4  # times the bytes of the pixels that an answer may have
_MARGIN = 1.1  # times the limit, until which the server's own words about it should have come

log = logging.getLogger(__name__)


class Coverage(Protocol):
    """A coverage as far as reading it needs (see `hrdem.sources.wcs.coverage.WcsCoverage`)."""

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
    def block(self) -> tuple[int, int]: ...
    @property
    def limit(self) -> float: ...
    def piece_store(self, cache: Path) -> PieceStore: ...


class WcsSource:
    """Pixels of a coverage, for several threads at a time.

    Threads that come for pixels fetch what is missing, two at a time and from the top to the
    bottom, whoever needs it; the others wait until theirs has come.

    Args:
        coverage: The coverage.
        http: Client to ask with.
        within: Window that all reading will stay in.
        cache: Folder in which pieces are kept.
        turns: What a request has to wait for; sources of one server share it.
        retries: How often and patiently to ask again.
    """

    def __init__(
        self,
        coverage: Coverage,
        http: Http,
        within: Window,
        cache: Path,
        turns: threading.Semaphore,
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
        self._held = self._store.lock()
        offline = isinstance(http, CachingClient) and http.offline  # nothing better can be had
        there = self._store.list_windows(sweep=not offline)
        self._pieces = [each for each in there if each.intersection(within)]
        missing = [within]
        for piece in self._pieces:
            missing = [rest for whole in missing for rest in subtract(whole, piece)]
        for piece in self._pieces:
            self._store.touch(piece)
        if self._pieces:
            log.info("%d pieces of an earlier run are there.", len(self._pieces))
        self._unchecked = set(self._pieces)
        self._lost = 0
        self._chunks = ChunkScheduler(missing, coverage.limit)
        self._changed = threading.Condition()
        self._turns = turns
        self._active = 0
        self._failures = 0  # in a row
        self._vain = 0.0  # seconds of them, as long as nothing has come at all
        self._any_came = False
        self._resume = 0.0  # when to ask again, by the monotonic clock
        self._tries: collections.Counter[Window] = collections.Counter()
        self._error: BaseException | None = None

    def close(self) -> None:
        """Ask for nothing more: threads that wait are sent away."""
        self._stop(SourceError("The WCS is not read any more."))
        if self._held is not None:
            self._held.close()

    def fetch(self, window: Window) -> Fetched:
        """Wait until all pieces under a window are there, and fetch what is missing meanwhile."""
        received = 0
        while (piece := self._next(window)) is not None:
            try:
                received += self._bring(piece)
            except BaseException as exc:  # noqa: BLE001 (others wait for this piece: all have to end)
                self._stop(exc)
            finally:
                with self._changed:
                    self._active -= 1
                    self._changed.notify_all()
        return Fetched(received, lambda: self._read(window))

    def _next(self, window: Window) -> Window | None:
        """A piece to fetch; None when a window is there."""
        there = looked_at = lost = 0
        with self._changed:
            while True:
                if self._error is not None:
                    raise self._error
                if lost != self._lost:  # what was counted may be gone
                    there, looked_at, lost = 0, 0, self._lost
                came = (window.intersection(piece) for piece in self._pieces[looked_at:])
                there += sum(shared.pixels for shared in came if shared)
                looked_at = len(self._pieces)
                if there == window.pixels:
                    return None
                pause = self._resume - time.monotonic()
                if pause > 0:
                    self._changed.wait(pause)
                elif (
                    self._active < MAX_SERVICE_REQUESTS
                    and (piece := self._chunks.take()) is not None
                ):
                    self._active += 1
                    return piece
                else:
                    self._changed.wait()

    def _stop(self, error: BaseException) -> None:
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def _bring(self, piece: Window) -> int:
        """Ask for a piece once and keep it; what fails in a way that can be mended comes back.

        Returns:
            Bytes that came.
        """
        with self._turns:
            return 0 if self._error else self._brought(piece)

    def _brought(self, piece: Window) -> int:
        started = time.monotonic()
        try:
            size = self._asked(piece)
        except RetryableError as again:
            self._put_back(piece, again, time.monotonic() - started)
            return 0
        except (WcsError, ServerError, TransferError) as exc:
            raise self._given_up(piece, str(exc), getattr(exc, "status", None)) from exc
        except FileNotFoundError:
            gone = RetryableError("Another run has taken the folder of its pieces away.", _SAID_OK)
            self._put_back(piece, gone, time.monotonic() - started)
            return 0
        except OSError as exc:
            if isinstance(exc, HrdemError):
                raise
            raise OutputError(
                f"A piece of the coverage cannot be kept in {self._store.get_path(piece).parent}: "
                f"{exc}. Give another --cache-dir, or make room on the disk."
            ) from exc
        seconds = time.monotonic() - started
        with self._changed:
            self._failures, self._any_came = 0, True
            self._chunks.record_success(piece, seconds)
            self._pieces.append(piece)
        log.info("%s came in %.1f s.", _described(piece), seconds)
        return size

    def _asked(self, piece: Window) -> int:
        coverage = self._coverage
        grid = self.grid.crop(piece)
        room = self._store.make_partial_path(piece)
        finished = room.with_suffix(".tif.partial")
        limit = coverage.limit
        try:
            answer = self._http.download(
                coverage.url,
                room,
                params=get_coverage_params(coverage.identifier, coverage.media_type, grid),
                timeouts=Timeouts(read=_MARGIN * limit, total=limit, slow=limit),
                max_bytes=_OVERHEAD + _WIDEST * piece.pixels * np.dtype(coverage.dtype).itemsize,
                trusted=True,
            )
            extract_tiff(room, finished)
            check_coverage(finished, grid, coverage.dtype, coverage.nodata)
            self._store.add(piece, finished)
            return answer.size
        except (RetryableError, ServerError) as exc:
            told = _in_words(exc)
            if told is exc:
                raise
            raise told from exc
        finally:
            for left in (room, finished):
                left.unlink(missing_ok=True)

    def _put_back(self, piece: Window, again: RetryableError, seconds: float) -> None:
        """Arrange that a piece is asked for again after a wait, in halves or as it is.

        Raises:
            NetworkError: If that was tried often enough.
        """
        retries = self._retries
        edge = again.max_edge if isinstance(again, ChunkTooLargeError) else None
        with self._changed:
            smaller = (
                isinstance(again, ChunkTooLargeError)
                or _is_overtaxed(again)
                or (_is_defect(again) and self._tries[piece] >= _PATIENCE)
            )
            self._failures += 1
            self._vain += seconds
            if not self._any_came and self._vain > _ENOUGH * self._coverage.limit:
                said = f"{end_sentence(str(again))} Nothing has come in {self._vain:.0f} s."
                raise self._given_up(piece, said, again.status) from again
            wait = retries.wait_after(self._failures) - seconds
            halved = smaller and self._chunks.record_failure(piece, seconds, edge)
            if not halved:
                self._tries[piece] += 1
                if self._tries[piece] >= retries.attempts:
                    said = f"{end_sentence(str(again))} Tried {retries.attempts} times."
                    raise self._given_up(piece, said, again.status) from again
                self._chunks.put_back(piece)
            if again.after is not None:
                if again.after > retries.longest_retry_after:
                    said = f"{end_sentence(str(again))} It asks to wait {again.after:.0f} s."
                    raise self._given_up(piece, said, again.status) from again
                wait = again.after
            if edge is None:  # nothing is gained by waiting where a limit was told
                self._resume = max(self._resume, time.monotonic() + wait)
        how = "in halves" if halved else "again"
        log.warning("%s: %s Asking for it %s.", _described(piece), end_sentence(str(again)), how)

    def _given_up(self, piece: Window, said: str, status: int | None = None) -> NetworkError:
        box = ",".join(f"{edge:.10g}" for edge in self.grid.crop(piece).bounds)
        shown = redact_secrets(self._coverage.url)
        said = said.replace(f"{shown} ", "it ")
        text = (
            f"{shown} does not give {self._coverage.identifier} "
            f"in the box {box} ({self.grid.crs}, {piece.width} x {piece.height} pixels): "
            f"{end_sentence(said)} The pieces that came are kept: the same command goes on from "
            "there. COGs hold the same data: --via cog."
        )
        return WcsError(text) if status in (None, 200) else ServerError(text, status or 0)

    def _read(self, window: Window) -> Pixels:
        """Read a window of pieces; one that is gone or damaged by now is fetched once more."""
        pixels = np.full((window.height, window.width), self.nodata, self.dtype)
        there = 0
        for piece in self._pieces.copy():
            shared = window.intersection(piece)
            if shared is not None:
                into = shared.shifted(-window.column, -window.row).slices
                try:
                    pixels[into] = self._part(piece, shared.shifted(-piece.column, -piece.row))
                except (*GDAL_ERRORS, RetryableError) as exc:
                    self._lose(piece, exc)
                else:
                    there += shared.pixels
        if there == window.pixels:
            return pixels
        return self.fetch(window).decode()

    def _part(self, piece: Window, inside: Window) -> Pixels | float:
        path, grid = self._store.get_path(piece), self.grid.crop(piece)
        if piece in self._unchecked:  # of an earlier run, whose machine may have crashed
            check_coverage(path, grid, self.dtype, self.nodata)
            self._unchecked.discard(piece)
        where = rasterio.windows.Window(inside.column, inside.row, inside.width, inside.height)
        with rasterio.open(path, driver="GTiff") as dataset:
            if is_placeholder(dataset, grid):
                return self.nodata
            pixels: Pixels = dataset.read(1, window=where)
            return pixels

    def _lose(self, piece: Window, exc: Exception) -> None:
        """Ask for a piece again that was there."""
        with self._changed:
            if piece not in self._pieces:
                return  # another thread has seen it too
            self._lost += 1
            if self._lost > _MOST_LOST:
                raise SourceError(
                    f"Pieces that came cannot be read from {self._store.get_path(piece).parent}: "
                    f"{exc} Check the disk, or give another --cache-dir."
                ) from exc
            log.warning("%s is lost (%s) and asked for again.", _described(piece), exc)
            self._pieces.remove(piece)
            self._unchecked.discard(piece)
            self._store.remove(piece)
            self._chunks.put_back(piece)


def _is_overtaxed(again: RetryableError) -> bool:
    """Whether an answer did not come, or not whole, because it takes too long to make."""
    return again.met and again.status in (None, *_TOO_SLOW)


def _is_defect(again: RetryableError) -> bool:
    """Whether a server broke down over a request; that it has too little memory is one reason."""
    return again.status is not None and again.status >= 500


def _in_words(exc: RetryableError | ServerError) -> Exception:
    """Put a refusal into the server's own words, and see whether it is for its size."""
    refusal = read_refusal(exc.body) if exc.body else None
    if exc.status == _TOO_LARGE or (refusal and is_too_large(refusal)):
        return ChunkTooLargeError(str(refusal or exc), size_limit(refusal) if refusal else None)
    if refusal is None:
        return exc
    said = f"It answers {exc.status}: {end_sentence(str(refusal))}"
    if isinstance(exc, RetryableError):
        return RetryableError(said, exc.status, exc.after, exc.body, met=exc.met)
    return ServerError(said, exc.status, exc.body)


def _described(piece: Window) -> str:
    return f"Piece {piece.width} x {piece.height} at column {piece.column}, row {piece.row}"
