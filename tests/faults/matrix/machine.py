"""Rows of the machine that the command runs on: its disk, its signals, other runs."""

from __future__ import annotations

import signal

from hrdem.errors import ExitCode
from tests.faults.matrix import answers, commands
from tests.faults.matrix.row import Row
from tests.faults.matrix.store import Place

_KILLED = 128 + signal.SIGKILL

THIS_MACHINE = (
    Row(
        wrong="the disk has no room for the output",
        happens="refused before anything is read",
        codes=(ExitCode.OUTPUT,),
        said="The output of 1200 x 600 pixels takes about …MB while it is made, and the disk of … "
        "has … free. Make room, or give another -o",
        way=commands.without_room,
    ),
    Row(
        wrong="more would have to be fetched than may be",
        happens="refused before anything is read",
        codes=(ExitCode.USAGE,),
        said="1200 x 600 pixels come from 8 tiles of 2 files, 9.51 MB; 9.51 MB would have to be "
        "fetched, and --max-download allows 5 MB. Give a larger --max-download, a smaller area, or "
        "a coarser --resolution, which reads overviews.",
        options=("--max-download=5MB",),
    ),
    *(
        Row(
            wrong=f"the disk fills up meanwhile ({what})",
            codes=(ExitCode.OUTPUT,),
            said="OUTPUT cannot be written: …. Check the folder's permissions and the space on "
            "the disk.",
            way=commands.on_a_disk_that_fills,
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
            said="hrdem: interrupted; no unfinished output is left. What was fetched is kept: the "
            "same command goes on from there.",
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
        wrong="kill -9 in the middle, and the same command again",
        happens="nothing has the output's name; the second run fetches the rest, and tidies up",
        codes=(_KILLED, ExitCode.COMPLETE),
        answer=answers.said(silent=True),
        at=(Place.TILES,),
        first=4,
        way=commands.killed_and_run_again,
    ),
)

KEPT = (
    Row(
        wrong="the network goes in the middle, and comes back before the same command",
        happens="ends the run; the second fetches the rest",
        codes=(ExitCode.NETWORK, ExitCode.COMPLETE),
        said="Tried 5 times. What was fetched is kept: the same command goes on from there.",
        answer=answers.said(dropped=True),
        at=(Place.TILES,),
        first=4,
        way=commands.failed_and_run_again,
    ),
    Row(
        wrong="there is no network any more, and --offline",
        happens="everything comes from the cache",
        codes=(ExitCode.COMPLETE,),
        way=commands.again("--offline", then=commands.no_network),
    ),
    Row(
        wrong="--offline, and nothing is in the cache",
        codes=(ExitCode.NETWORK,),
        said="What SERVER/stac/api/ lists of hrdem-mosaic-1m in the area … is not in the cache. "
        "Run the same command once without --offline.",
        options=("--offline",),
    ),
    Row(
        wrong="the cache is on a read-only disk",
        happens="told; nothing is kept",
        codes=(ExitCode.COMPLETE,),
        said="The cache … cannot be written (…Read-only file system…): what is fetched "
        "from here on is not kept",
        way=commands.with_cache_on("ro"),
    ),
    Row(
        wrong="the cache's disk is full",
        happens="told; nothing more is kept",
        codes=(ExitCode.COMPLETE,),
        said="The cache … cannot be written (the disk is nearly full): what is fetched "
        "from here on is not kept",
        way=commands.with_cache_on("size=1M"),
    ),
    Row(
        wrong="what is kept was damaged",
        happens="noticed by its checksums, and fetched again",
        codes=(ExitCode.COMPLETE,),
        way=commands.again(then=commands.damage_cache),
    ),
    Row(
        wrong="what is kept was damaged, and --offline",
        codes=(ExitCode.NETWORK,),
        said="are not in the cache",
        way=commands.again("--offline", then=commands.damage_cache),
    ),
    Row(
        wrong="all files were published again since",
        happens="what was kept of the old edition is dropped; the new one is read",
        codes=(ExitCode.COMPLETE,),
        way=commands.again(then=commands.publish_again),
        edition=2,
    ),
)
