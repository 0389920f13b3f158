"""``hrdem cache``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrdem.cli import options, show
from hrdem.request import service_fields
from hrdem.runtime.byte_sizes import format_size

if TYPE_CHECKING:
    from hrdem.http.cache.entries import CacheInfo


#: what the kinds of entries are called, besides files
KINDS = {"response": "catalogue response", "coverage": "WCS coverage", "grid": "vertical grid"}


@click.group("cache")
def command() -> None:
    """Show or clear the download cache.

    It holds byte ranges of files, each of one version; responses of the catalogue; WCS coverages;
    and grids of vertical datum shifts.
    """


@command.command("info", cls=options.Command)
@options.add(*service_fields.CACHE_FOLDER)
def info(*, cache_dir: Path | None, max_cache: int, json: bool) -> None:
    """List what is cached, with sizes and when it was last used."""
    import hrdem

    contents = hrdem.Cache(cache_dir, max_cache).info()
    if json:
        show.document(contents.as_dict())
        return
    missing = "" if contents.folder.is_dir() else ", which does not exist"
    click.echo(f"folder    {contents.folder}{missing}")
    click.echo(f"size      {format_size(contents.bytes)} of at most {format_size(contents.limit)}")
    show.table(_rows(contents))


@command.command("prune", cls=options.Command)
@options.add(*service_fields.CACHE_FOLDER)
def prune(*, cache_dir: Path | None, max_cache: int, json: bool) -> None:
    """Evict least recently used entries until the cache is within --max-cache.

    WCS coverages that a run is using are kept.
    """
    import hrdem

    cache = hrdem.Cache(cache_dir, max_cache)
    _report(cache.prune(), cache.info(), as_json=json)


@command.command("clear", cls=options.Command)
@options.add(service_fields.CACHE_DIR)
def clear(*, cache_dir: Path | None, json: bool) -> None:
    """Remove every entry, but WCS coverages that a run is using.

    Runs in progress fetch again what they need.
    """
    import hrdem

    cache = hrdem.Cache(cache_dir)
    _report(cache.clear(), cache.info(), as_json=json)


def _report(freed: int, left: CacheInfo, *, as_json: bool) -> None:
    if as_json:
        content = {"freed_bytes": freed, "bytes": left.bytes, "folder": str(left.folder)}
        show.document(content, "cache-freed")
    else:
        used = sum(entry.in_use for entry in left.entries)
        locked = f"; {_count(used, KINDS['coverage'])} in use" if used else ""
        click.echo(f"{format_size(freed)} removed, {format_size(left.bytes)} left{locked}.")


def _rows(contents: CacheInfo) -> list[tuple[str, str, str, str]]:
    """Return a row for each file, and one for each other kind."""
    rows = []
    for entry in contents.entries:
        if entry.kind == "file":
            used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
            etag = entry.version.etag if entry.version else ""
            rows.append((format_size(entry.bytes), used, entry.name, etag))
    for kind, label in KINDS.items():
        sizes = [entry.bytes for entry in contents.entries if entry.kind == kind]
        if sizes:
            rows.append((format_size(sum(sizes)), "", _count(len(sizes), label), ""))
    return rows


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
