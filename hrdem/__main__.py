"""``python -m hrdem``, and the ``hrdem`` command."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is imported ends the process quietly, too."""
    gc.disable()  # what is imported stays
    try:
        from hrdem.cli.main import main as run  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.exit(130)  # ExitCode.INTERRUPTED, which may not be imported yet
    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
