"""What a cache holds, as values."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hrdem.http.source_version import SourceVersion


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """Something that is kept.

    Attributes:
        kind: ``"file"``, ``"answer"``, ``"coverage"``, or ``"grid"``.
        name: Address of the file, or name of what is kept of others.
        bytes: What it takes on the disk.
        used: When it was last used, seconds since 1970.
        in_use: Whether a run is using it.
        version: Which version of a file; None for others.
    """

    kind: str
    name: str
    bytes: int
    used: float
    in_use: bool = False
    version: SourceVersion | None = None


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What a cache holds.

    Attributes:
        folder: Where it is.
        limit: Bytes that it may take.
        kept: What is kept, from what was used last to what was not used for longest.
    """

    folder: Path
    limit: int
    kept: tuple[CacheEntry, ...]

    @property
    def bytes(self) -> int:
        """What it takes on the disk."""
        return sum(each.bytes for each in self.kept)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "folder": str(self.folder),
            "bytes": self.bytes,
            "limit": self.limit,
            "kept": [
                {
                    "kind": each.kind,
                    "name": each.name,
                    "bytes": each.bytes,
                    "used": datetime.datetime.fromtimestamp(each.used, datetime.UTC).isoformat(),
                    "in_use": each.in_use,
                    **({"version": asdict(each.version)} if each.version else {}),
                }
                for each in self.kept
            ],
        }
