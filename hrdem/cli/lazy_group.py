"""Groups whose commands are imported when they are used, so that help and start-up are fast."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group of commands, each the ``command`` of a module.

    Args:
        modules: Module of each command by its name, in the order of the help. A name of two words,
            as ``tile status``, is that of a command of its own.
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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        words = " ".join(args[:2])
        if " " in words and words in self._modules:
            return words, self.get_command(ctx, words), args[2:]
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = ((name, self.get_command(ctx, name)) for name in self._modules)
        rows = [(name, cmd.get_short_help_str(100)) for name, cmd in commands if cmd]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
