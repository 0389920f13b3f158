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
from hrdem.http.cache.entries import KeptVersion
from hrdem.http.cache.mirror import Mirror, Span
from hrdem.http.cache.responses import (
    FORBIDDEN,
    CachedRequest,
    CachedResponse,
    forget_answer,
    is_better,
    is_json,
    is_plain,
    keep_answer,
    kept_answer,
    kept_answers,
    relevant,
    use,
)
from hrdem.http.cache.store import Cache
from hrdem.http.protocol import Expected, Http, Keep, Response, Saved
from hrdem.http.timeouts import Timeouts
from hrdem.runtime.memory import buffer
from hrdem.runtime.redaction import fingerprint, without_secrets

_RANGE = re.compile(r"bytes=0-(\d{1,19})")
_SIZE = re.compile(r"bytes 0-\d{1,19}/(\d{1,19})")
_REMEMBERED = (403, 404, 405, 501)  # refusals that decide what is asked next, and last
_LONG_AGO = 24 * 3600.0  # seconds
_LOOK_AT_DISK = 64 << 20  # bytes that are kept between two looks at the cache's size and the disk

log = logging.getLogger(__name__)


class CachingHttp:
    """Keep what a client fetches in a cache, to be used as a context manager.

    Parts of files are taken from the cache, if it has them of just that version. Everything else
    is asked again and its answer kept, for when there is no client: then all comes from the cache,
    or not at all. That something cannot be kept is told once, and stops nothing.

    Args:
        http: The client; None to ask nobody.
        cache: Where things are kept.
    """

    def __init__(self, http: Http | None, cache: Cache) -> None:
        self._http = http
        self._cache = cache
        self._mirrors: dict[KeptVersion, Mirror | None] = {}
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
    def offline(self) -> bool:
        """Whether nobody is asked."""
        return self._http is None

    @property
    def versions(self) -> list[KeptVersion]:
        """The versions of files that were met so far and can be kept."""
        with self._lock:
            return [version for version, mirror in self._mirrors.items() if mirror]

    @property
    def resumable(self) -> bool:
        """Whether something of files came and is kept, for a run that goes on from there."""
        return self._came and self._keeping

    @property
    def reused(self) -> int:
        """Bytes of files that came from the cache so far."""
        return self._reused

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: object = None,
        max_bytes: int = 64 << 20,
        given: bool = False,
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
        known = None if asked else kept_answer(self._cache.answers, question)
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
                given=given,
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
            shown = without_secrets(answer.url)
            self._note(question, answer.status, shown, answer.headers, answer.content, "")
        return answer

    def read_range(
        self,
        url: str,
        start: int,
        stop: int,
        expected: Expected,
        room: int = 0,
        keep: Keep | None = None,
    ) -> mmap:
        """Read a part of a file, from the cache as far as it is there.

        Raises:
            NotCachedError: If it is not all there, offline.
            NetworkError: As the client does.
        """
        version = _version(url, expected)
        mirror = self._mirror(version)
        if mirror is None:
            if self._http is None:
                raise _not_kept(version, [(start, stop)])
            return self._http.read_range(url, start, stop, expected, room, keep)
        part = buffer(room + stop - start)
        missing = self._read(mirror, start, stop, part, room)
        if missing == [(start, stop)] and self._http is not None:
            return self._http.read_range(url, start, stop, expected, room, self._keeper(mirror))
        for begin, end in missing:
            if self._http is None:
                raise _not_kept(version, missing)
            came = self._http.read_range(url, begin, end, expected, 0, self._keeper(mirror))
            part[room + begin - start : room + end - start] = came
        with self._lock:
            self._reused += stop - start - sum(end - begin for begin, end in missing)
        return part

    def save(
        self,
        url: str,
        path: Path,
        *,
        params: Mapping[str, Any],
        timeouts: Timeouts,
        max_bytes: int,
        given: bool = False,
    ) -> Saved:
        """Save an answer, which is kept where the caller says; offline there is none.

        Raises:
            NotCachedError: Offline.
            NetworkError: As the client does.
        """
        if self._http is None:
            raise NotCachedError(
                f"{without_secrets(url)} would have to be asked, as the cache does not have "
                "what it gave. Run the same command once without --offline."
            )
        saved = self._http.save(
            url, path, params=params, timeouts=timeouts, max_bytes=max_bytes, given=given
        )
        self._came = True
        return saved

    def gaps(self, url: str, expected: Expected, spans: Iterable[Span]) -> list[Span]:
        """Return what of some spans of a file is not in the cache."""
        mirror = self._mirror(_version(url, expected))
        if mirror is None:
            return list(spans)
        found: list[Span] = []
        for start, stop in spans:
            try:
                found += mirror.gaps(start, stop)
            except OSError:
                found.append((start, stop))
        return found

    def invalidate(self, url: str, expected: Expected, spans: Iterable[Span]) -> None:
        """Make sure that what is kept of some spans, which proved to be damaged, is not used."""
        mirror = self._mirror(_version(url, expected))
        if mirror is not None:
            for start, stop in spans:
                self._tried(mirror.invalidate, start, stop)

    def answered(self, url: str) -> Iterator[CachedResponse]:
        """Yield what is kept of all that was asked of an address, the latest first."""
        for answer in kept_answers(self._cache.answers):
            if answer.question.address == fingerprint(url) and not answer.said:
                yield answer

    def _repeated(self, question: CachedRequest) -> Response:
        """What was answered before."""
        refused = kept_answer(self._cache.answers, question)
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
        self._tried(use, self._cache.answers, question)
        if refused.said:
            raise ServerError(refused.said, refused.status, refused.content)
        level = logging.WARNING if refused.age > _LONG_AGO else logging.INFO
        log.log(level, "What %s answers is of %s.", question.url, _when(refused.time))
        return _response(refused)

    def _beginning(self, version: KeptVersion, count: int) -> Response:
        count = min(count, version.size)
        mirror, part = self._mirror(version), buffer(count)
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
        etag = answer.headers.get("etag", "")
        modified = answer.headers.get("last-modified", "")
        if answer.status != 206 or not size or not _is_strong(etag):
            return
        if not (is_plain(etag) and is_plain(modified)):  # which will be an error
            return
        version = KeptVersion.of(url, etag, int(size[1]), modified)
        mirror = self._mirror(version)
        if mirror is not None:
            with self._lock:
                same = [other for other in self._mirrors if other.address == version.address]
                for other in same:
                    if other != version and (old := self._mirrors.pop(other)):
                        old.close()
            self._cache.drop_others(version)
            self._tried(forget_answer, self._cache.answers, question)  # that there was no such file
            self._keeper(mirror)(0, memoryview(answer.content))

    def _mirror(self, version: KeptVersion) -> Mirror | None:
        """The mirror of a version; None if it has no name, or the disk does not let it be."""
        if not _is_strong(version.etag):
            return None
        with self._lock:
            if version not in self._mirrors:
                self._mirrors[version] = self._opened(version)
            return self._mirrors[version]

    def _opened(self, version: KeptVersion) -> Mirror | None:
        if self._http is not None and self._keeping:
            try:
                return self._cache.open(version)
            except OSError as exc:
                self._stop_keeping(exc)
        try:
            return self._cache.open_to_read(version)
        except OSError:
            return None

    def _read(self, mirror: Mirror, start: int, stop: int, part: mmap, room: int) -> list[Span]:
        """Fill in what is there of a span, and return what is missing."""
        try:
            with memoryview(part) as whole, whole[room : room + stop - start] as into:
                return mirror.read(start, into)
        except OSError as exc:
            self._stop_keeping(exc)
            return [(start, stop)]

    def _keeper(self, mirror: Mirror) -> Keep:
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
            question, status, url, relevant(headers), content, said, time.time()
        )
        if self._keeping:
            self._tried(keep_answer, self._cache.answers, answer)

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


def _version(url: str, expected: Expected) -> KeptVersion:
    return KeptVersion.of(url, expected.etag, expected.size, expected.last_modified)


def _is_strong(etag: str) -> bool:
    return bool(etag) and not etag.startswith("W/")


def _not_kept(version: KeptVersion, missing: list[Span]) -> NotCachedError:
    count = sum(stop - start for start, stop in missing)
    spans = ", ".join(f"{start}-{stop - 1}" for start, stop in missing[:3])
    more = f" and {len(missing) - 3} further spans" if len(missing) > 3 else ""
    return NotCachedError(
        f"{count:,} bytes of {version.url} are not in the cache: bytes {spans}{more} of the "
        f"version {version.etag}. Run the same command once without --offline."
    )


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
