"""Rows: the local machine (disk, signals, concurrent runs, cache)."""

from __future__ import annotations

import signal

from hrdem.errors import ExitCode
from tests.faults.matrix import answers, commands
from tests.faults.matrix.row import Row
from tests.faults.matrix.store import Place

_KILLED = 128 + 9  # SIGKILL

THIS_MACHINE = (
    Row(
        fault="the disk lacks space for the output",
        effect="refused before reading",
        exit_codes=(ExitCode.OUTPUT,),
        message="The output of 1200 x 600 pixels takes about …MB while it is made, and the disk of "
        "… has … free. Make room, or give another -o",
        run=commands.without_room,
    ),
    Row(
        fault="the download exceeds --max-download",
        effect="refused before reading",
        exit_codes=(ExitCode.USAGE,),
        message="1200 x 600 pixels come from 8 tiles of 2 files, 9.51 MB; 9.51 MB would have to be "
        "fetched, and --max-download allows 5 MB. Give a larger --max-download, a smaller area, or "
        "a coarser --resolution, which reads overviews.",
        options=("--max-download=5MB",),
    ),
    *(
        Row(
            fault=f"the disk fills up during the run ({what})",
            exit_codes=(ExitCode.OUTPUT,),
            message="OUTPUT cannot be written: …. Check the folder's permissions and the space on "
            "the disk.",
            run=commands.on_a_disk_that_fills,
            options=options,
        )
        for what, options in (
            ("a GeoTIFF", ()),
            ("a COG", ("--format=cog",)),
            ("another grid", ("--crs=EPSG:2959",)),
        )
    ),
    Row(
        fault="the output folder is removed during the run",
        exit_codes=(ExitCode.OUTPUT,),
        message="OUTPUT cannot be written: …No such file or directory…. Check the folder's "
        "permissions and the space on the disk.",
        answer=answers.without_folder,
        at=(Place.TILES,),
        times=1,
    ),
    Row(
        fault="the output folder is read-only",
        exit_codes=(ExitCode.OUTPUT,),
        message="The folder … is not writable (…); choose another -o.",
        run=commands.in_a_read_only_folder,
    ),
    Row(
        fault="two runs write the same output at once",
        effect="one writes the file, the other ends",
        exit_codes=(ExitCode.COMPLETE, ExitCode.OUTPUT),
        message="OUTPUT exists; give --overwrite to replace it, or another -o.",
        answer=answers.when_two_have_come,
        at=(Place.TILES,),
        run=commands.twice_at_once,
    ),
    Row(
        fault="two runs write the same output at once with --overwrite",
        effect="each writes the whole file",
        exit_codes=(ExitCode.COMPLETE, ExitCode.COMPLETE),
        answer=answers.when_two_have_come,
        at=(Place.TILES,),
        run=commands.twice_at_once,
        options=("--overwrite",),
    ),
    *(
        Row(
            fault=what,
            exit_codes=(ExitCode.INTERRUPTED,),
            message="hrdem: interrupted. No unfinished output is left. Fetched data is "
            "cached: run the same command again to resume.",
            answer=answers.reply(silent=True),
            at=(Place.TILES,),
            run=commands.signalled(number),
        )
        for what, number in (
            ("Ctrl-C (SIGINT)", signal.SIGINT),
            ("the end of a session (SIGTERM)", signal.SIGTERM),
        )
    ),
    Row(
        fault="kill -9 during the run, then the same command again",
        effect="no output appears; the second run fetches the rest and cleans up",
        exit_codes=(_KILLED, ExitCode.COMPLETE),
        answer=answers.reply(silent=True),
        at=(Place.TILES,),
        first=4,
        run=commands.killed_and_run_again,
    ),
)

CACHE = (
    Row(
        fault="the network fails during the run and returns for the next",
        effect="ends the run; the second run fetches the rest",
        exit_codes=(ExitCode.NETWORK, ExitCode.COMPLETE),
        message="Tried 5 times. Fetched data is cached: run the same command again to resume.",
        answer=answers.reply(dropped=True),
        at=(Place.TILES,),
        first=4,
        run=commands.failed_and_run_again,
    ),
    Row(
        fault="no network, --offline, data in the cache",
        effect="reads everything from the cache",
        exit_codes=(ExitCode.COMPLETE,),
        run=commands.again("--offline", then=commands.no_network),
    ),
    Row(
        fault="--offline with an empty cache",
        exit_codes=(ExitCode.NETWORK,),
        message="The search of hrdem-mosaic-1m at SERVER/stac/api/ for the area … is not in the "
        "cache. Run the same command once without --offline.",
        options=("--offline",),
    ),
    Row(
        fault="the cache is on a read-only disk",
        effect="warns; caches nothing",
        exit_codes=(ExitCode.COMPLETE,),
        message="The cache … cannot be written (…Read-only file system…): the run "
        "continues without it",
        run=commands.with_cache_on("ro"),
    ),
    Row(
        fault="the cache's disk is full",
        effect="warns; caches nothing more",
        exit_codes=(ExitCode.COMPLETE,),
        message="The cache … cannot be written (the disk is nearly full): the run "
        "continues without it",
        run=commands.with_cache_on("size=1M"),
    ),
    Row(
        fault="cached data are damaged",
        effect="detected by checksums and fetched again",
        exit_codes=(ExitCode.COMPLETE,),
        run=commands.again(then=commands.damage_cache),
    ),
    Row(
        fault="cached data are damaged, --offline",
        exit_codes=(ExitCode.NETWORK,),
        message="are not in the cache",
        run=commands.again("--offline", then=commands.damage_cache),
    ),
    Row(
        fault="all files were republished since they were cached",
        effect="drops the cached old version; reads the new one",
        exit_codes=(ExitCode.COMPLETE,),
        run=commands.again(then=commands.publish_again),
        edition=2,
    ),
)
