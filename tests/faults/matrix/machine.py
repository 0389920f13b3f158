"""Rows of the machine that the command runs on: its disk, its signals, other runs."""

from __future__ import annotations

import signal

from hrdem.errors import ExitCode
from tests.faults.matrix import answers, commands
from tests.faults.matrix.row import Row
from tests.faults.matrix.store import Place

_KILLED = 128 + signal.SIGKILL

THIS_MACHINE = (
    *(
        Row(
            wrong=f"the disk is full ({what})",
            codes=(ExitCode.OUTPUT,),
            said="OUTPUT cannot be written: …. Check the folder's permissions and the space on "
            "the disk.",
            way=commands.on_a_full_disk,
            options=options,
        )
        for what, options in (
            ("a GeoTIFF", ()),
            ("a COG", ("--format=cog",)),
            ("another grid", ("--crs=EPSG:2959",)),
        )
    ),
    Row(
        wrong="the folder of the output is removed meanwhile",
        codes=(ExitCode.OUTPUT,),
        said="OUTPUT cannot be written: …No such file or directory…. Check the folder's "
        "permissions and the space on the disk.",
        answer=answers.without_folder,
        at=(Place.TILES,),
        times=1,
    ),
    Row(
        wrong="the folder of the output is read-only",
        codes=(ExitCode.OUTPUT,),
        said="The folder … is not writable; choose another -o.",
        way=commands.in_a_read_only_folder,
    ),
    Row(
        wrong="two runs write one output at once",
        happens="one gives the whole file, one ends",
        codes=(ExitCode.COMPLETE, ExitCode.OUTPUT),
        said="OUTPUT exists; give --overwrite to replace it, or another -o.",
        answer=answers.when_two_have_come,
        at=(Place.TILES,),
        way=commands.twice_at_once,
    ),
    Row(
        wrong="two runs write one output at once with --overwrite",
        happens="each gives the whole file",
        codes=(ExitCode.COMPLETE, ExitCode.COMPLETE),
        answer=answers.when_two_have_come,
        at=(Place.TILES,),
        way=commands.twice_at_once,
        options=("--overwrite",),
    ),
    *(
        Row(
            wrong=what,
            codes=(ExitCode.INTERRUPTED,),
            said="hrdem: interrupted; no unfinished output is left.",
            answer=answers.said(silent=True),
            at=(Place.TILES,),
            way=commands.signalled(number),
        )
        for what, number in (
            ("Ctrl-C (SIGINT)", signal.SIGINT),
            ("the end of a session (SIGTERM)", signal.SIGTERM),
        )
    ),
    Row(
        wrong="kill -9, and the same command again",
        happens="nothing has the output's name, hidden files stay; the second run works",
        codes=(_KILLED, ExitCode.COMPLETE),
        answer=answers.said(silent=True),
        at=(Place.TILES,),
        way=commands.killed_and_run_again,
        leaves_hidden=True,
    ),
)

KEPT: tuple[Row, ...] = ()  # kept ranges
