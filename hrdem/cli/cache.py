"""``hrdem cache``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrdem.cli import options, show
from hrdem.runtime.byte_sizes import size_text

if TYPE_CHECKING:
    from hrdem.http.cache.entries import CacheInfo


@click.group("cache")
def command() -> None:
    """Tell what is kept of what was fetched, or remove it.

    Parts of files, of one version each; answers of the catalogue; pieces that came through the WCS;
    grids between vertical datums.
    """


@command.command("info")
@options.cache_dir
@options.max_cache
@options.as_json
@options.reporting
def info(cache_dir: Path | None, max_cache: int, as_json: bool) -> None:
    """Tell what is kept, where, and since when it was not used."""
    import hrdem

    found = hrdem.Cache(cache_dir, max_cache).info()
    if as_json:
        show.document(found.as_dict())
        return
    missing = "" if found.folder.is_dir() else ", which is not there"
    click.echo(f"folder    {found.folder}{missing}")
    click.echo(f"size      {size_text(found.bytes)} of at most {size_text(found.limit)}")
    show.table(_rows(found))


@command.command("prune")
@options.cache_dir
@options.max_cache
@options.as_json
@options.reporting
def prune(cache_dir: Path | None, max_cache: int, as_json: bool) -> None:
    """Remove what was not used for longest, down to --max-cache.

    What a run is using stays.
    """
    import hrdem

    cache = hrdem.Cache(cache_dir, max_cache)
    _told(cache.prune(), cache.info(), as_json)


@command.command("clear")
@options.cache_dir
@options.as_json
@options.reporting
def clear(cache_dir: Path | None, as_json: bool) -> None:
    """Remove everything but what a run is using."""
    import hrdem

    cache = hrdem.Cache(cache_dir)
    _told(cache.clear(), cache.info(), as_json)


def _told(freed: int, left: CacheInfo, as_json: bool) -> None:
    if as_json:
        show.document({"freed_bytes": freed, "bytes": left.bytes, "folder": str(left.folder)})
    else:
        used = sum(kept.in_use for kept in left.kept)
        spared = f"; a run is using {_counted(used, 'file')}" if used else ""
        click.echo(f"{size_text(freed)} are free again; {size_text(left.bytes)} are left{spared}.")


def _rows(found: CacheInfo) -> list[tuple[str, str, str, str]]:
    """Files one by one, of all else the sum."""
    rows = []
    for kept in found.kept:
        if kept.kind == "file":
            used = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.used))
            etag = kept.version.etag if kept.version else ""
            rows.append((size_text(kept.bytes), "in use" if kept.in_use else used, kept.name, etag))
    for kind in ("answer", "coverage", "grid"):
        sizes = [kept.bytes for kept in found.kept if kept.kind == kind]
        if sizes:
            rows.append((size_text(sum(sizes)), "", _counted(len(sizes), kind), ""))
    return rows


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
