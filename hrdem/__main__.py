"""``python -m hrdem``, and the ``hrdem`` command."""

from __future__ import annotations

import gc
import os
import signal

_INTERRUPTED = 130  # ExitCode.INTERRUPTED, which is not imported yet


def main() -> None:
    """Run the command line; Ctrl-C while it is imported ends the process quietly, too."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored
        # not by an exception, which Python drops in some of the callbacks of an import
        signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    gc.disable()  # what is imported stays
    from hrdem.cli.main import main as run  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
