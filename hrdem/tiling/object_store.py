"""An output store under a prefix of a bucket, by obstore: S3 and its like, Google's and Azure's."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore as Bucket
from obstore.store import from_url

from hrdem.errors import HrdemError, OutputError
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import end_sentence, to_one_line
from hrdem.runtime.threads import map_in_order, thread_pool

_PART_BYTES = 8 * 2**20  # of a multipart upload, which may have 10,000 of them
_MAX_PARTS_IN_FLIGHT = 4
_MAX_CONDITIONAL_WRITES = 3  # of one file, while others remove it
_MAX_REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A prefix of a bucket, in one region or another; credentials come from the environment.

    Attributes:
        address: Its address, without credentials.
    """

    address: str

    def list_names(self) -> dict[str, int]:
        """Return the size in bytes of each object under the prefix, by its name."""
        with self._translate_errors("listed"):
            found = obstore.list_with_delimiter(self._bucket)["objects"]
            sizes = {each["path"].rpartition("/")[2]: each["size"] for each in found}
        return {name: size for name, size in sizes.items() if name}  # a prefix may be an object

    def read(self, name: str, max_bytes: int | None = None) -> bytes | None:
        """Return the content of a small object, or its beginning; None if there is none."""
        with self._translate_errors("read", name):
            try:
                if max_bytes is None:
                    return bytes(obstore.get(self._bucket, name).bytes())
                return bytes(obstore.get_range(self._bucket, name, start=0, length=max_bytes))
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes, *, if_absent: bool = False) -> bool:
        """Write a small object; return whether the store holds this content now."""
        with self._translate_errors("written", name):
            if not if_absent:
                obstore.put(self._bucket, name, content)
                return True
            for _ in range(_MAX_CONDITIONAL_WRITES):
                try:
                    obstore.put(self._bucket, name, content, mode="create", use_multipart=False)
                except AlreadyExistsError:
                    held = self.read(name)
                    if held is not None:
                        return held == content  # ours, if the store's answer was lost
                else:
                    return True
        raise OutputError(
            f"{self.address}/{name} cannot be written: other runs write and remove it. End them, "
            "and run the same command again."
        )

    def remove(self, name: str) -> None:
        """Remove an object, if there is one of that name."""
        with self._translate_errors("removed", name), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._bucket, name)

    @contextlib.contextmanager
    def write_file(self, name: str, *beside: str) -> Iterator[Path]:
        """Yield the path of a file to create; it is uploaded when the context ends."""
        with tempfile.TemporaryDirectory(prefix="hrdem-", ignore_cleanup_errors=True) as folder:
            path = Path(folder, name)
            with self._translate_errors("written", name):
                yield path
            with thread_pool(1, "upload") as pool:  # obstore does not notice an interrupt
                for _ in map_in_order(pool, self._upload, map(path.with_name, (*beside, name)), 1):
                    pass

    @contextlib.contextmanager
    def read_file(self, name: str) -> Iterator[Path]:
        """Yield the path of a downloaded copy of an object."""
        with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
            path = Path(folder, name)
            with self._translate_errors("read", name), path.open("wb") as file:
                for chunk in obstore.get(self._bucket, name).stream(min_chunk_size=_PART_BYTES):
                    file.write(chunk)
            yield path

    def _upload(self, path: Path) -> None:
        with self._translate_errors("written", path.name):
            obstore.put(
                self._bucket,
                path.name,
                path,
                chunk_size=_PART_BYTES,
                max_concurrency=_MAX_PARTS_IN_FLIGHT,
            )

    @property
    def _bucket(self) -> Bucket:
        return connect(self.address)

    @contextlib.contextmanager
    def _translate_errors(self, done: str, name: str = "") -> Iterator[None]:
        try:
            yield
        except HrdemError:  # network errors are OSErrors too
            raise
        except (BaseError, FileNotFoundError) as exc:
            text = redact_secrets(str(exc).partition("\n\nDebug source")[0])
            reason = end_sentence(to_one_line(text, _MAX_REASON_CHARACTERS))
            raise OutputError(
                f"{self.address}/{name} cannot be {done}: {reason} Check the address, and the "
                "credentials and the region in the environment."
            ) from exc
        except OSError as exc:
            raise OutputError(
                f"{self.address}/{name} cannot be {done}, as its local copy fails: {exc}. Free "
                f"space in {tempfile.gettempdir()}, or set TMPDIR."
            ) from exc


@functools.lru_cache(maxsize=8)
def connect(address: str) -> Bucket:
    """Return obstore's client of a prefix; threads of this process share its connections."""
    return from_url(address)
