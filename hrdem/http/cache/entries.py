"""The entries of a cache, as values."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hrdem.http.source_version import SourceVersion


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One entry of the cache.

    Attributes:
        kind: ``"file"``, ``"response"``, ``"coverage"``, or ``"grid"``.
        name: Address of a file; the name of the entry for other kinds.
        bytes: Bytes on disk.
        used: When it was last used, seconds since 1970.
        in_use: Whether a run has locked it, which runs do with coverages alone.
        version: Version of a file; None for other kinds.
    """

    kind: str
    name: str
    bytes: int
    used: float
    in_use: bool = False
    version: SourceVersion | None = None


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """The contents of a cache.

    Attributes:
        folder: Folder of the cache.
        limit: Largest size in bytes.
        entries: Entries, most recently used first.
    """

    folder: Path
    limit: int
    entries: tuple[CacheEntry, ...]

    @property
    def bytes(self) -> int:
        """Bytes on disk."""
        return sum(each.bytes for each in self.entries)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "folder": str(self.folder),
            "bytes": self.bytes,
            "limit": self.limit,
            "entries": [
                {
                    "kind": each.kind,
                    "name": each.name,
                    "bytes": each.bytes,
                    "used": datetime.datetime.fromtimestamp(each.used, datetime.UTC).isoformat(),
                    "in_use": each.in_use,
                    **({"version": asdict(each.version)} if each.version else {}),
                }
                for each in self.entries
            ],
        }
