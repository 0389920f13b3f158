"""The commands of a page of docs/, run one after the other in a folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from hrdem.cli.main import run

DOCS = Path(__file__).parents[1] / "docs"


def run_commands(page: str) -> list[str]:
    """Run the hrdem commands of a page's blocks in this process, and return them.

    Options that every command needs, such as the address of a service, come from variables.
    """
    blocks = re.findall(
        r"^```bash\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    commands = [line for block in blocks for line in block.splitlines() if line[:6] == "hrdem "]
    for command in commands:
        assert run(shlex.split(command)[1:]) == 0, command
    return commands
