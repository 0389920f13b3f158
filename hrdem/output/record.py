"""What a finished output says of itself: its sources, and how it was made."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hrdem.errors import RequestError
from hrdem.output.provenance import MULTIHASH_SHA256, get_stac_path
from hrdem.output.publish import StoredFile, list_described_files
from hrdem.output.raster_tags import read_raster_tags

MAX_ITEM_BYTES = 64 << 20
#: errors of values that JSON of others lacks, or has in another form
INVALID_JSON = ValueError, LookupError, TypeError, AttributeError, RecursionError


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A file that pixels came from, or that was read to find those.

    Attributes:
        href: Address without credentials.
        etag: Entity tag; empty if the server sent none.
        size: Size in bytes.
        last_modified: Last-Modified; empty if the server sent none.
        is_small: Whether it is read whole: a VRT.
    """

    href: str
    etag: str
    size: int
    last_modified: str
    is_small: bool = False


@dataclass(frozen=True, slots=True)
class RecordedSource:
    """A source of an output.

    Attributes:
        name: Name of the source.
        href: Address of the file or of the WCS, without credentials.
        collection: Id of the collection.
        files: The file, and those that it refers to; none for a coverage of a WCS.
        dates: Date of each of its items by the item's id; empty where there is none.
        is_whole: Whether all files are listed; the tags of a raster do not list those of a VRT.
    """

    name: str
    href: str
    collection: str
    files: tuple[RecordedFile, ...]
    dates: Mapping[str, str]
    is_whole: bool

    @classmethod
    def of(cls, source: Mapping[str, Any]) -> Self:
        """Read a source; raise one of several errors if it is invalid."""
        is_vrt = str(source.get("asset", "")).endswith("-vrt")
        is_coverage = source["via"] == "wcs"
        listed = () if is_coverage else (source, *source.get("files", ()))
        files = (
            RecordedFile(
                check_text(each["href"]),
                check_text(each["etag"]),
                int(each["size"]),
                check_text(each["last_modified"]),
                is_small=is_vrt and each is source,
            )
            for each in listed
        )
        dates = {check_text(item["id"]): check_text(item["updated"]) for item in source["items"]}
        return cls(
            check_text(source["name"]),
            check_text(source["href"]),
            check_text(source["collection"]),
            tuple(files),
            dates,
            is_whole=not is_vrt or "files" in source,
        )

    def describe_change(self, now: RecordedSource, *, moved: bool) -> str:
        """Return what is another in a source of the same name; empty if nothing is.

        Args:
            now: The other source.
            moved: Whether addresses do not count, as those of a copy of the catalogue.
        """
        if not moved and self.href != now.href:
            return f"it was at {self.href}, now it is at {now.href}."
        if len(self.files) != len(now.files):
            return f"it had {len(self.files)} files, now it has {len(now.files)}."
        for before, after in zip(self.files, now.files, strict=True):
            pairs = {
                "size": (f"{before.size:,} bytes", f"{after.size:,} bytes"),
                "ETag": (before.etag, after.etag),
                "date": (before.last_modified, after.last_modified),
            }
            for title, (old, new) in pairs.items():
                if old != new:
                    return f"its {title} was {old or 'none'}, now it is {new or 'none'}."
        if self.dates != now.dates:
            name = min(self.dates.items() ^ now.dates.items())[0]
            old, new = (
                each.get(name, "not there") or "no date" for each in (self.dates, now.dates)
            )
            return f"the catalogue's date of {name} was {old}, now it is {new}."
        return ""


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """What an output of `extract` says of itself.

    Attributes:
        output: Path of the raster.
        stac_url: Root of the STAC API that was searched, without credentials.
        sources: The sources; at least one.
        fingerprint: Digest of all that its bytes depend on; empty if unknown.
        stored: Size and checksum that the raster had; None if only its tags are left.
        layers: Its layers, with what they had.
    """

    output: Path
    stac_url: str
    sources: tuple[RecordedSource, ...]
    fingerprint: str
    stored: StoredFile | None
    layers: Mapping[Path, StoredFile]

    def find_difference(self, fingerprint: str) -> str:
        """Return why the output has to be made again; empty if it need not.

        Args:
            fingerprint: Digest of what it would be made of now.

        Raises:
            OSError: If the raster cannot be read.
        """
        if self.stored is None:
            return "It has no STAC item that describes it."
        if self.stored != StoredFile.of(self.output):
            return "Its bytes are not those that its STAC item describes."
        for path, stored in self.layers.items():
            if not path.is_file() or stored != StoredFile.of(path):
                return f"{path.name} is not the one that its STAC item describes."
        if not (self.fingerprint and fingerprint):
            return "The versions of its sources are not known."
        if self.fingerprint != fingerprint:
            return "The request, a source, the catalogue or a version of hrdem is another one."
        return ""


def read_record(output: Path) -> OutputRecord:
    """Read the STAC item beside an output, or else the tags in it.

    Raises:
        RequestError: If there is no such file, or it is no output of `extract`.
    """
    if not output.is_file():
        raise RequestError(f"{output} does not exist. Give a GeoTIFF that hrdem extract wrote.")
    record = _find_record(output)
    if record is None:
        raise RequestError(
            f"{output} neither has a STAC item beside it nor tags that name its sources. Give a "
            "GeoTIFF that hrdem extract wrote."
        )
    return record


def has_record(output: Path) -> bool:
    """Whether a file exists and is an output of `extract`."""
    return os.path.isfile(output) and _find_record(output) is not None  # noqa: PTH113 (long names)


def _find_record(output: Path) -> OutputRecord | None:
    return _read_item(output) or _read_tags(output)


def _read_item(output: Path) -> OutputRecord | None:
    """Return what the item beside an output says; None if it does not describe the raster."""
    path = get_stac_path(output)
    with contextlib.suppress(OSError, *INVALID_JSON):
        if path.stat().st_size > MAX_ITEM_BYTES:
            return None
        described = list_described_files(path)
        item = json.loads(path.read_bytes())
        properties, assets = item["properties"], item["assets"].values()
        files = dict(zip(described, map(parse_stored_file, assets), strict=True))
        stored = files.pop(output)
        fingerprint = properties.get("hrdem:fingerprint", "")
        request, sources = properties["hrdem:request"], properties["hrdem:sources"]
        return OutputRecord(output, *_read_sources(request, sources), fingerprint, stored, files)
    return None


def parse_stored_file(asset: Mapping[str, Any]) -> StoredFile:
    """Return what an asset says of its file; raise one of several errors if it is invalid."""
    return StoredFile(asset["file:size"], asset["file:checksum"].removeprefix(MULTIHASH_SHA256))


def _read_tags(output: Path) -> OutputRecord | None:
    """Return what the tags of a raster say; None if they are not those of `extract`."""
    tags = read_raster_tags(output)
    with contextlib.suppress(*INVALID_JSON):
        request, sources = (json.loads(tags[f"HRDEM_{name}"]) for name in ("REQUEST", "SOURCES"))
        return OutputRecord(output, *_read_sources(request, sources), "", None, {})
    return None


def _read_sources(request: Any, sources: Any) -> tuple[str, tuple[RecordedSource, ...]]:
    """Return catalogue and sources; raise one of several errors if they are invalid."""
    found = tuple(map(RecordedSource.of, sources))
    if not found:
        raise ValueError
    return check_text(request["stac_url"]), found


def check_text(value: Any) -> str:
    """Return a value that is a text; raise TypeError if it is none."""
    if not isinstance(value, str):
        raise TypeError
    return value


def read_item(output: Path) -> tuple[dict[str, Any], dict[Path, dict[str, Any]]]:
    """Read the STAC item beside an output.

    Returns:
        The properties of the item, and its assets by their paths: the output, and its layers.

    Raises:
        RequestError: If the output does not exist, or no item beside it describes it.
    """
    if not output.is_file():
        raise RequestError(f"{output} does not exist. Give a file that hrdem wrote.")
    path = get_stac_path(output)
    with contextlib.suppress(OSError, *INVALID_JSON):
        if path.stat().st_size <= MAX_ITEM_BYTES:
            item = json.loads(path.read_bytes())
            described = list_described_files(path)
            assets = dict(zip(described, item["assets"].values(), strict=True))
            if output in assets:
                return item["properties"], assets
    raise RequestError(
        f"{output} has no STAC item beside it that describes it: {path.name} is missing, of "
        "another file, or damaged. Keep both together, or give a file that hrdem extract wrote."
    )
