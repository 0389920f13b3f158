"""An HTTP client that keeps what it fetches, and fetches nothing that it has kept."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from mmap import mmap
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hrdem.errors import NotCachedError, ServerError
from hrdem.http.cache.mirror import Mirror
from hrdem.http.cache.responses import (
    FORBIDDEN,
    CachedRequest,
    CachedResponse,
    is_better,
    is_json,
    is_printable_ascii,
    iter_responses,
    load_response,
    remove_response,
    select_headers,
    store_response,
    touch_response,
)
from hrdem.http.cache.store import Cache
from hrdem.http.metadata_cache import MetadataCache
from hrdem.http.protocol import ByteSink, Download, Http, Response
from hrdem.http.source_version import SourceVersion
from hrdem.http.spans import Span
from hrdem.http.timeouts import Timeouts
from hrdem.runtime.memory import allocate_buffer
from hrdem.runtime.redaction import redact_secrets, url_fingerprint

_RANGE = re.compile(r"bytes=0-(\d{1,19})")
_SIZE = re.compile(r"bytes 0-\d{1,19}/(\d{1,19})")
_REMEMBERED = (403, 404, 405, 501)  # refusals that decide what is asked next, and last
_LONG_AGO = 24 * 3600.0  # seconds
_LOOK_AT_DISK = 64 << 20  # bytes that are kept between two looks at the cache's size and the disk

log = logging.getLogger(__name__)


class CachingClient(Http):
    """Keep what a client fetches in a cache, to be used as a context manager.

    Parts of files are taken from the cache, if it has them of just that version. Everything else
    is asked again and its answer kept, for when there is no client: then all comes from the cache,
    or not at all. That something cannot be kept is told once, and stops nothing.

    Args:
        http: The client; None to ask nobody.
        cache: Where things are kept.
    """

    def __init__(
        self, http: Http | None, cache: Cache, metadata: MetadataCache | None = None
    ) -> None:
        self._http = http
        self._own_metadata = MetadataCache() if metadata is None else metadata
        self._cache = cache
        self._mirrors: dict[SourceVersion, Mirror | None] = {}
        self._lock = threading.RLock()
        self._keeping = True
        self._unlooked: int | None = None  # bytes
        self._reused = 0
        self._came = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            mirrors, self._mirrors = list(self._mirrors.values()), {}
            self._keeping = False  # threads may outlive an interrupted run
        for mirror in mirrors:
            if mirror is not None:
                mirror.close()

    @property
    def metadata(self) -> MetadataCache:
        """Parsed headers and tile indexes: those of the wrapped client."""
        return self._own_metadata if self._http is None else self._http.metadata

    @property
    def offline(self) -> bool:
        """Whether no request is sent."""
        return self._http is None

    @property
    def caches_ranges(self) -> bool:
        """Whether byte ranges that are fetched are stored on disk: they are."""
        return True

    @property
    def can_resume(self) -> bool:
        """Whether pixels were fetched and stored, so that another run can resume."""
        return self._came and self._keeping

    @property
    def cached_bytes(self) -> int:
        """Bytes of files that were read from the cache so far."""
        return self._reused

    @property
    def cached_versions(self) -> list[SourceVersion]:
        """Versions of files that were opened so far and have a mirror."""
        with self._lock:
            return [version for version, mirror in self._mirrors.items() if mirror]

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: object = None,
        max_bytes: int = 64 << 20,
        trusted: bool = False,
    ) -> Response:
        """Ask, and keep the answer; offline give the answer that is kept.

        Raises:
            NotCachedError: If there is none, offline.
            NetworkError: As the client does; refusals that were kept are given again.
        """
        asked = (headers or {}).get("Range", "")
        question = CachedRequest.of(method, url, params, json, asked)
        if self._http is None:
            return self._repeated(question)
        known = None if asked else load_response(self._cache.answers, question)
        sent = dict(headers or {})
        if method == "GET" and known and known.status == 200 and (tag := known.headers.get("etag")):
            sent["If-None-Match"] = tag
        try:
            answer = self._http.request(
                method,
                url,
                headers=sent,
                params=params,
                json=json,
                max_bytes=max_bytes,
                trusted=trusted,
            )
        except ServerError as exc:
            if exc.status == 304 and known is not None:
                answer = _response(known)
            else:
                if exc.status in _REMEMBERED and not is_better(known, exc.status):
                    self._note(question, exc.status, question.url, {}, exc.body, str(exc))
                raise
        if asked:
            self._meet(url, question, answer)
        elif not (known and is_json(known.headers) and not is_json(answer.headers)):
            shown = redact_secrets(answer.url)
            self._note(question, answer.status, shown, answer.headers, answer.content, "")
        return answer

    def read_range(
        self,
        url: str,
        start: int,
        stop: int,
        version: SourceVersion,
        headroom: int = 0,
        on_bytes: ByteSink | None = None,
    ) -> mmap:
        """Read a part of a file, from the cache as far as it is there.

        Raises:
            NotCachedError: If it is not all there, offline.
            NetworkError: As the client does.
        """
        mirror = self._mirror(version)
        if mirror is None:
            if self._http is None:
                raise _not_kept(version, [(start, stop)])
            return self._http.read_range(url, start, stop, version, headroom, on_bytes)
        part = allocate_buffer(headroom + stop - start)
        missing = self._read(mirror, start, stop, part, headroom)
        if missing == [(start, stop)] and self._http is not None:
            return self._http.read_range(url, start, stop, version, headroom, self._keeper(mirror))
        for begin, end in missing:
            if self._http is None:
                raise _not_kept(version, missing)
            came = self._http.read_range(url, begin, end, version, 0, self._keeper(mirror))
            part[headroom + begin - start : headroom + end - start] = came
        with self._lock:
            self._reused += stop - start - sum(end - begin for begin, end in missing)
        return part

    def download(
        self,
        url: str,
        path: Path,
        *,
        params: Mapping[str, Any],
        timeouts: Timeouts,
        max_bytes: int,
        trusted: bool = False,
    ) -> Download:
        """Save an answer, which is kept where the caller says; offline there is none.

        Raises:
            NotCachedError: Offline.
            NetworkError: As the client does.
        """
        if self._http is None:
            raise NotCachedError(
                f"{redact_secrets(url)} would have to be asked, as the cache does not have "
                "what it gave. Run the same command once without --offline."
            )
        saved = self._http.download(
            url, path, params=params, timeouts=timeouts, max_bytes=max_bytes, trusted=trusted
        )
        self._came = True
        return saved

    def gaps(self, url: str, version: SourceVersion, spans: Iterable[Span]) -> list[Span]:
        """Return what of some spans of a file is not in the cache."""
        mirror = self._mirror(version)
        if mirror is None:
            return list(spans)
        found: list[Span] = []
        for start, stop in spans:
            try:
                found += mirror.gaps(start, stop)
            except OSError:
                found.append((start, stop))
        return found

    def invalidate(self, url: str, version: SourceVersion, spans: Iterable[Span]) -> None:
        """Make sure that what is kept of some spans, which proved to be damaged, is not used."""
        mirror = self._mirror(version)
        if mirror is not None:
            for start, stop in spans:
                self._tried(mirror.invalidate, start, stop)

    def cached_responses(self, url: str) -> Iterator[CachedResponse]:
        """Yield what is kept of all that was asked of an address, the latest first."""
        for answer in iter_responses(self._cache.answers):
            if answer.question.address == url_fingerprint(url) and not answer.said:
                yield answer

    def _repeated(self, question: CachedRequest) -> Response:
        """What was answered before."""
        refused = load_response(self._cache.answers, question)
        if found := _RANGE.fullmatch(question.range):
            version = self._cache.latest(question.address)
            hindered = refused is not None and refused.status == FORBIDDEN
            if version is not None and (refused is None or not refused.said or hindered):
                return self._beginning(version, int(found[1]) + 1)
        if refused is None:
            raise NotCachedError(
                f"What {question.url} answers is not in the cache {self._cache.folder}, at least "
                "not to just this question. Run the same command once without --offline."
            )
        self._tried(touch_response, self._cache.answers, question)
        if refused.said:
            raise ServerError(refused.said, refused.status, refused.content)
        level = logging.WARNING if refused.age > _LONG_AGO else logging.INFO
        log.log(level, "What %s answers is of %s.", question.url, _when(refused.time))
        return _response(refused)

    def _beginning(self, version: SourceVersion, count: int) -> Response:
        count = min(count, version.size)
        mirror, part = self._mirror(version), allocate_buffer(count)
        missing = [(0, count)] if mirror is None else self._read(mirror, 0, count, part, 0)
        if missing:
            raise _not_kept(version, missing)
        headers = {
            "etag": version.etag,
            "last-modified": version.last_modified,
            "content-range": f"bytes 0-{count - 1}/{version.size}",
        }
        return Response(version.url, 206, headers, part[:])

    def _meet(self, url: str, question: CachedRequest, answer: Response) -> None:
        """Keep the beginning of a file, and drop what is kept of another version of it."""
        size = _SIZE.fullmatch(answer.headers.get("content-range", ""))
        if answer.status != 206 or not size:
            return
        etag, date = (answer.headers.get(name, "") for name in ("etag", "last-modified"))
        if not (is_printable_ascii(etag) and is_printable_ascii(date)):  # the reader will raise
            return
        version = SourceVersion.of(url, etag, int(size[1]), date)
        mirror = self._mirror(version)
        if mirror is not None:
            with self._lock:
                same = [other for other in self._mirrors if other.address == version.address]
                for other in same:
                    if other != version and (old := self._mirrors.pop(other)):
                        old.close()
            self._cache.drop_others(version)
            self._tried(
                remove_response, self._cache.answers, question
            )  # that there was no such file
            self._keeper(mirror)(0, memoryview(answer.content))

    def _mirror(self, version: SourceVersion) -> Mirror | None:
        """The mirror of a version; None if it has no name, or the disk does not let it be."""
        if not version.pinned:
            return None
        with self._lock:
            if version not in self._mirrors:
                self._mirrors[version] = self._opened(version)
            return self._mirrors[version]

    def _opened(self, version: SourceVersion) -> Mirror | None:
        if self._http is not None and self._keeping:
            try:
                return self._cache.open(version)
            except OSError as exc:
                self._stop_keeping(exc)
        try:
            return self._cache.open_to_read(version)
        except OSError:
            return None

    def _read(self, mirror: Mirror, start: int, stop: int, part: mmap, headroom: int) -> list[Span]:
        """Fill in what is there of a span, and return what is missing."""
        try:
            with memoryview(part) as whole, whole[headroom : headroom + stop - start] as into:
                return mirror.read(start, into)
        except OSError as exc:
            self._stop_keeping(exc)
            return [(start, stop)]

    def _keeper(self, mirror: Mirror) -> ByteSink:
        """What keeps bytes as they come."""

        def keep(start: int, content: memoryview) -> None:
            if not self._keeping:
                return
            if self._has_room(len(content)):
                self._tried(mirror.keep, start, content)
                self._came = True
            else:
                self._stop_keeping(OSError("the disk is nearly full"))

        return keep

    def _has_room(self, more: int) -> bool:
        """Whether the disk takes more; what earlier runs left makes room, as far as that may be."""
        with self._lock:
            first = self._unlooked is None
            self._unlooked = more + (self._unlooked or 0)
            if not first and self._unlooked <= _LOOK_AT_DISK:
                return True
            self._unlooked = 0
        if not first:
            with contextlib.suppress(OSError):  # which is no reason to keep nothing
                self._cache.prune()
        return self._cache.has_room(_LOOK_AT_DISK)

    def _note(
        self,
        question: CachedRequest,
        status: int,
        url: str,
        headers: Mapping[str, str],
        content: bytes,
        said: str,
    ) -> None:
        answer = CachedResponse(
            question, status, url, select_headers(headers), content, said, time.time()
        )
        if self._keeping:
            self._tried(store_response, self._cache.answers, answer)

    def _tried(self, work: Callable[..., object], *about: object) -> None:
        try:
            work(*about)
        except OSError as exc:
            self._stop_keeping(exc)

    def _stop_keeping(self, why: OSError) -> None:
        with self._lock:
            told, self._keeping = not self._keeping, False
        if not told and self._http is not None:
            log.warning(
                "The cache %s cannot be written (%s): what is fetched from here on is not kept, "
                "and an interrupted run would fetch it again. Give another --cache-dir, or "
                "--no-cache.",
                self._cache.folder,
                why,
            )


def _response(answer: CachedResponse) -> Response:
    return Response(answer.url, answer.status, answer.headers, answer.content)


def _not_kept(version: SourceVersion, missing: list[Span]) -> NotCachedError:
    count = sum(stop - start for start, stop in missing)
    spans = ", ".join(f"{start}-{stop - 1}" for start, stop in missing[:3])
    more = f" and {len(missing) - 3} further spans" if len(missing) > 3 else ""
    return NotCachedError(
        f"{count:,} bytes of {version.url} are not in the cache: bytes {spans}{more} of the "
        f"version {version.etag}. Run the same command once without --offline."
    )


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
