"""Rows of files that cannot be fetched, with and without --allow-partial."""

from __future__ import annotations

from hrdem.errors import ExitCode
from tests.faults.matrix import answers, commands
from tests.faults.matrix.row import FILES, Row
from tests.faults.matrix.store import Place

_PARTIAL = ("--allow-partial",)
_LEFT_OUT = "leaves the file out"

INCOMPLETE = (
    Row(
        fault="a file does not exist (404), and its outline in the catalogue is wrong",
        message="FILES/9_2-mosaic-1m-dtm.tif answers 404: NoSuchKey.… --allow-partial leaves it "
        "out. By its outline in the catalogue it does not reach the area, but no other file covers "
        "all of that, so the outline may be wrong.",
        answer=answers.of_file("9_2", answers.reply(404, b"NoSuchKey")),
        at=(Place.HEADER,),
        run=commands.with_wrong_outline,
    ),
    Row(
        fault="the same, and --allow-partial",
        effect=_LEFT_OUT,
        exit_codes=(ExitCode.INCOMPLETE,),
        message="the outline may be wrong. It is left out, and the output is incomplete.",
        answer=answers.of_file("9_2", answers.reply(404, b"NoSuchKey")),
        at=(Place.HEADER,),
        run=commands.with_wrong_outline,
        options=_PARTIAL,
    ),
    Row(
        fault="one file does not exist (404), and --allow-partial",
        effect=_LEFT_OUT,
        exit_codes=(ExitCode.INCOMPLETE,),
        message="FILES/9_2-mosaic-1m-dtm.tif answers 404: NoSuchKey.… It is left out, and the "
        "output is incomplete.",
        answer=answers.of_file("9_2", answers.reply(404, b"NoSuchKey")),
        at=FILES,
        options=_PARTIAL,
    ),
    Row(
        fault="one file answers 500, always, and --allow-partial",
        effect=_LEFT_OUT,
        exit_codes=(ExitCode.INCOMPLETE,),
        message="FILES/9_2-mosaic-1m-dtm.tif answers 500. Tried 5 times.… It is left out, and the "
        "output is incomplete.",
        answer=answers.of_file("9_2", answers.reply(500)),
        at=FILES,
        options=_PARTIAL,
    ),
    Row(
        fault="no file can be fetched (500), and --allow-partial",
        message="answers 500. Tried 5 times.",
        answer=answers.reply(500),
        at=FILES,
        options=_PARTIAL,
    ),
    Row(
        fault="a tile of one file is damaged, and --allow-partial",
        message="A tile of FILES/9_2-mosaic-1m-dtm.tif cannot be decoded",
        answer=answers.of_file("9_2", answers.flipped(1_000, 4_000)),
        at=(Place.TILES,),
        options=_PARTIAL,
    ),
    Row(
        fault="all files are republished between tiles, and --allow-partial",
        exit_codes=(ExitCode.SOURCE_CHANGED,),
        message="was published again while it was being read",
        answer=answers.published_again,
        at=(Place.TILES,),
        first=2,
        options=_PARTIAL,
    ),
)
