"""Command lines in messages, quoted as the shell of the system takes them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable


def join_command(words: Iterable[str]) -> str:
    """Join the words of a command; those with blanks and signs of the shell are quoted."""
    if os.name == "nt":  # cmd knows double quotes alone
        from subprocess import list2cmdline  # noqa: PLC0415 (slow to import)

        return list2cmdline(words)
    return shlex.join(words)
