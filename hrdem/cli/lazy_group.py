"""Groups whose commands are imported when they are used, so that help and start-up are fast."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group of commands, each the ``command`` of a module.

    Args:
        modules: Module of each command by its name, in the order of the help.
        settings: Those of `click.Group`.
    """

    def __init__(self, *, modules: Mapping[str, str], **settings: Any) -> None:
        super().__init__(**settings)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._modules)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self._modules:
            return None
        command: click.Command = importlib.import_module(self._modules[name]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = ((name, self.get_command(ctx, name)) for name in self._modules)
        rows = [(name, cmd.get_short_help_str(100)) for name, cmd in commands if cmd]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
