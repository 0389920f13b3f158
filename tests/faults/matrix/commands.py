"""Ways to run the command of a row: in this process, in others, on a separate disk."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import trustme

import hrdem.http.client
import hrdem.http.client_settings
import hrdem.sources.wcs.deadline
from hrdem.cli.main import run
from hrdem.errors import ExitCode
from hrdem.http.client import HttpClient
from hrdem.http.timeouts import Timeouts
from tests.faults.matrix.store import Store
from tests.faults.matrix.wire import wire
from tests.misbehaving import misbehaving

AREA = (1_499_400, -170_600, 1_500_600, -170_000)  # a half in 8_2, a half in 9_2
_MAIN = "from hrdem.cli.main import main; main()"
_OLD_ENOUGH = 0.6  # seconds until a folder counts as left by a killed run
_SMALL_DISK = 600_000  # bytes; the output has 1.1 million


@dataclass
class Scene:
    """The setting of a row.

    Attributes:
        store: The service that the fault affects.
        url: Scheme and host of the service.
        folder: Output folder.
        cache: Cache folder.
        options: Further options of the command.
        timeouts: Timeouts of the command, which retries without a pause.
        patch: Undone at the end of the test.
    """

    store: Store
    url: str
    folder: Path
    cache: Path
    options: Sequence[str]
    timeouts: Timeouts
    patch: pytest.MonkeyPatch

    @property
    def output(self) -> Path:
        return self.folder / "out.tif"

    def command(self, *, stac: str = "") -> list[str]:
        return [
            "extract", f"--bbox={','.join(map(str, AREA))}", "--bbox-crs=EPSG:3979",
            "--product=dtm", f"--stac-url={stac or f'{self.url}/stac/api/'}",
            f"--cache-dir={self.cache}", f"--output={self.output}",
            *(each.replace("SERVER", self.url) for each in self.options),
        ]  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How the command ended.

    Attributes:
        exit_codes: Exit codes, one per run.
        message: Standard error.
        hosts: Further URLs in it, by their placeholders in a row.
    """

    exit_codes: tuple[int, ...]
    message: str
    hosts: dict[str, str] = field(default_factory=dict)


Runner = Callable[[Scene], Outcome]


def here(scene: Scene, *more: str, stac: str = "") -> Outcome:
    """Run the command in this process; retries do not pause."""
    client = partial(HttpClient, timeouts=scene.timeouts, sleep=lambda _: None)
    for module in (hrdem.http.client_settings, hrdem.http.client):
        scene.patch.setattr(module, "HttpClient", client)
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()) as message,
    ):
        code = run([*scene.command(stac=stac), *more])
    return Outcome((int(code),), message.getvalue())


def with_catalogue(stac: str) -> Runner:
    """Run the command with another catalogue."""
    return partial(here, stac=stac)


def with_variables(stac: str = "", **variables: str) -> Runner:
    """Run the command with variables of the environment."""

    def run_with(scene: Scene) -> Outcome:
        for name, value in variables.items():
            scene.patch.setenv(name, value)
        return here(scene, stac=stac)

    return run_with


def with_short_deadline(scene: Scene) -> Outcome:
    """Run the command, which tries a WCS that returns nothing for a second instead of a minute."""
    scene.patch.setattr(hrdem.sources.wcs.deadline, "MAX_FRUITLESS_SECONDS", 1.0)
    return here(scene)


def with_wrong_outline(scene: Scene) -> Outcome:
    """Run the command with a catalogue that has the outline of 9_2 in another place."""
    scene.store.misplaced = "9_2-mosaic-1m"
    return here(scene)


def untrusted_catalogue(scene: Scene) -> Outcome:
    """Run the command with a catalogue behind an untrusted certificate."""
    certificate = trustme.CA().issue_cert("127.0.0.1")
    with misbehaving(scene.store.upstream_reply, certificate) as server:
        done = here(scene, stac=f"{server.url}/stac/api/")
        return Outcome(done.exit_codes, done.message, {"https://SERVER": server.url})


def untrusted_files(scene: Scene) -> Outcome:
    """Run the command with files behind an untrusted certificate."""
    certificate = trustme.CA().issue_cert("127.0.0.1")
    with misbehaving(scene.store.upstream_reply, certificate) as server:
        scene.store.files_url = server.url
        done = here(scene)
        return Outcome(done.exit_codes, done.message, {"https://SERVER": server.url})


def altered_in_transit(scene: Scene) -> Outcome:
    """Run the command over TLS and a wire that flips a bit of a tile."""
    authority = trustme.CA()
    bundle = scene.folder.parent / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    scene.patch.setenv("SSL_CERT_FILE", str(bundle))
    with (
        misbehaving(scene.store.upstream_reply, authority.issue_cert("127.0.0.1")) as server,
        wire(server.server_port, at=3_000_000) as between,
    ):
        scene.store.files_url = f"https://127.0.0.1:{between.port}"
        done = here(scene)
        assert between.flipped
        return Outcome(done.exit_codes, done.message, {"https://SERVER": scene.store.files_url})


def without_room(scene: Scene) -> Outcome:
    """Run the command with less disk space than it needs."""
    with _disk(scene.folder, f"size={_SMALL_DISK}") as mounted:
        if not mounted:
            pytest.skip("mounting needs root")
        return here(scene)


def on_a_disk_that_fills(scene: Scene) -> Outcome:
    """Run the command with a limit on the size of files."""
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({_SMALL_DISK}, {_SMALL_DISK})); "
    )
    with _started(scene, limit + _MAIN) as process:
        return _ended(process)


def in_a_read_only_folder(scene: Scene) -> Outcome:
    """Run the command with a read-only output folder."""
    with _disk(scene.folder, "ro") as mounted:
        if not mounted and os.geteuid() == 0:
            pytest.skip("root writes wherever no mount forbids it, and cannot mount here")
        if not mounted:
            scene.folder.chmod(0o500)
        try:
            return here(scene)
        finally:
            if not mounted:
                scene.folder.chmod(0o700)


def twice_at_once(scene: Scene) -> Outcome:
    """Run the command twice; both start before either can end."""
    with _started(scene) as one, _started(scene) as other:
        ended = _ended(one), _ended(other)
    return Outcome(
        tuple(sorted(code for each in ended for code in each.exit_codes)),
        "".join(each.message for each in ended),
    )


def signalled(number: signal.Signals, after: float = 0.0) -> Runner:
    """Run the command and send it a signal some seconds after the fault."""

    def runner(scene: Scene) -> Outcome:
        with _started(scene) as process:
            assert scene.store.reached.wait(30)
            time.sleep(after)  # so that tiles in flight arrive
            process.send_signal(number)
            return _ended(process, within=10)  # must not wait for the silent store

    return runner


def killed_and_run_again(scene: Scene) -> Outcome:
    """Kill the command while it waits for a tile, then run it again."""
    killed = signalled(signal.SIGKILL, after=1.0)(scene)
    assert not [path for path in scene.folder.iterdir() if path.name.startswith("out")]
    return _run_again(scene, killed)


def failed_and_run_again(scene: Scene) -> Outcome:
    """Let the command fail, then run it again with a healthy server."""
    return _run_again(scene, here(scene))


def _run_again(scene: Scene, first: Outcome) -> Outcome:
    """Run the command again; tiles that arrived are not requested again."""
    store = scene.store
    time.sleep(_OLD_ENOUGH)
    store.mended = True
    before = dict(store.requests)
    again = here(scene)
    assert first.exit_codes == (ExitCode.NETWORK,) or not store.twice(before)
    return Outcome((*first.exit_codes, *again.exit_codes), first.message + again.message)


def again(*more: str, then: Callable[[Scene], None] = lambda scene: None) -> Runner:
    """Run the command, do something, then run it again with further options."""

    def runner(scene: Scene) -> Outcome:
        assert here(scene).exit_codes == (ExitCode.COMPLETE,)
        for name in scene.folder.iterdir():
            name.unlink()
        then(scene)
        return here(scene, *more)

    return runner


def no_network(scene: Scene) -> None:
    """Let the service answer 500 to everything."""
    scene.store.down = True


def publish_again(scene: Scene) -> None:
    """Republish all files."""
    scene.store.upstream = scene.store.republished


def damage_cache(scene: Scene) -> None:
    """Alter a byte of each cached part, and truncate some."""
    for number, path in enumerate(sorted(scene.cache.glob("ranges/??/*"))):
        with path.open("r+b") as file:
            file.seek(7)
            file.write(b"?")
            if number % 2:
                file.truncate(path.stat().st_size // 2)


def with_cache_on(options: str) -> Runner:
    """Run the command with its cache on a separate disk."""

    def runner(scene: Scene) -> Outcome:
        scene.cache.mkdir()
        with _disk(scene.cache, options, emptied=False) as mounted:
            if not mounted:
                pytest.skip("mounting needs root")
            return here(scene)

    return runner


@contextmanager
def _disk(folder: Path, options: str, *, emptied: bool = True) -> Iterator[bool]:
    """Mount a small file system over a folder, if permitted."""
    mount = ["mount", "-t", "tmpfs", "-o", f"mode=700,{options}", "hrdem", str(folder)]
    allowed = sys.platform == "linux" and os.geteuid() == 0 and not subprocess.run(mount).returncode
    try:
        yield allowed
        if allowed and emptied:
            assert not list(folder.iterdir())
    finally:
        if allowed:
            subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def _started(scene: Scene, program: str = _MAIN) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", program, *scene.command()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _ended(process: subprocess.Popen[str], within: float = 60) -> Outcome:
    _, message = process.communicate(timeout=within)
    code = process.returncode
    return Outcome((code if code >= 0 else 128 - code,), message)
