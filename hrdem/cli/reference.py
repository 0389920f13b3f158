"""Print docs/cli.md, the reference of the command line: ``python -m hrdem.cli.reference``."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator

import click

from hrdem.cli.main import cli
from hrdem.cli.messages import name_options
from hrdem.cli.options import Option
from hrdem.errors import ExitCode
from hrdem.request.field import Field, Group

WIDTH = 100

#: forms of values that are not a choice
VALUES = {
    "CRS": "`EPSG:2959`, a code of another authority such as `ESRI:102001`, WKT, or a PROJ string",
    "METRES": "a distance on the ground in metres",
    "SIZE": "a number of bytes, such as `500MB`, `2GB` or `1GiB`",
    "SECONDS": "a time in seconds",
    "W,S,E,N": "west, south, east and north in units of the CRS, with commas between them",
    "LON,LAT": "longitude and latitude in degrees on NAD83, with a comma between them",
}

EXIT_CODES = {
    ExitCode.COMPLETE: "Complete.",
    ExitCode.DEFECT: "A defect of hrdem, a missing library, or no memory left.",
    ExitCode.USAGE: "The request is invalid.",
    ExitCode.INCOMPLETE: (
        "Finished, but incomplete: only with `--allow-partial`; gaps are listed. Of `hrdem legacy "
        "check`: a file does not conform. Of `hrdem verify`: it differs from its item."
    ),
    ExitCode.NO_DATA: "There is no item, or not one valid pixel, in the area.",
    ExitCode.NETWORK: (
        "The network or a server failed, or, with `--offline`, the cache lacks data. Of `hrdem "
        "status`: a version is not known."
    ),
    ExitCode.SOURCE_CHANGED: (
        "A source was republished while it was read; of `hrdem status`: since it was read."
    ),
    ExitCode.OUTPUT: "The output exists or cannot be written.",
    ExitCode.INTERRUPTED: "Interrupted. The cache keeps what was downloaded, unless `--no-cache`.",
}

INTRODUCTION = """
# Command line

Results go to standard output, messages to standard error. Each option can also be set by the
environment variable beside it; an option on the command line takes precedence. A flag is set by the
value `1`. An option that has a value is given once; repeated, it is an error.
"""


def make_reference() -> str:
    """Return the reference as Markdown."""
    paragraphs = [
        "<!-- Generated: python -m hrdem.cli.reference > docs/cli.md -->",
        INTRODUCTION.strip(),
        "## Commands",
        *_describe_commands(),
        "## Options",
        "Forms of values:",
        _format_list(f"`{form}`: {meaning}." for form, meaning in VALUES.items()),
        *_describe_options(),
        "## Exit codes",
        _format_list(f"`{int(code)}`: {meaning}" for code, meaning in EXIT_CODES.items()),
    ]
    return "\n\n".join(paragraphs) + "\n"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield all commands by name, without groups."""
    ctx = click.Context(cli)
    for name in cli.list_commands(ctx):
        command = cli.get_command(ctx, name)
        assert command is not None
        if isinstance(command, click.Group):
            for each in command.list_commands(ctx):
                subcommand = command.get_command(ctx, each)
                assert subcommand is not None
                yield f"{name} {each}", subcommand
        else:
            yield name, command


def fields_of(command: click.Command) -> list[Field]:
    """Return the fields of a command's options."""
    return [param.field for param in command.params if isinstance(param, Option)]


def _describe_commands() -> Iterator[str]:
    for name, command in commands():
        arguments = [p.name.upper() for p in command.params if isinstance(p, click.Argument)]
        yield f"### hrdem {name}"
        yield f"`{' '.join(['hrdem', name, *arguments, '[OPTIONS]'])}`"
        for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
            if paragraph.startswith("\b"):
                yield f"```\n{inspect.cleandoc(paragraph[2:])}\n```"
            else:
                yield textwrap.fill(paragraph, WIDTH)
        yield _format_list(_list_options(command))


def _list_options(command: click.Command) -> Iterator[str]:
    fields = fields_of(command)
    for group in Group:
        options = [f"`{field.option}`" for field in fields if field.group is group]
        if options:
            yield f"{group}: {', '.join(options)}"


def _describe_options() -> Iterator[str]:
    users: dict[Field, list[str]] = {}
    for name, command in commands():
        for field in fields_of(command):
            users.setdefault(field, []).append(name)
    for group in Group:
        fields = [field for field in users if field.group is group]
        if not fields:
            continue
        yield f"### {group}"
        options = [field.option for field in fields]
        yield _format_list(
            _describe_field(field, users[field] if options.count(field.option) > 1 else [])
            for field in fields
        )


def _describe_field(field: Field, used_by: list[str]) -> str:
    """Describe an option; `used_by` names the commands if others have another of this name."""
    head = (
        f"`{', '.join(sorted([*field.flags, field.option], key=len))} {field.form}".rstrip() + "`"
    )
    parts = [f"{head} ({', '.join([f'`{field.variable}`', *used_by])}): {field.help}"]
    if field.required:
        parts.append("Required.")
    if field.displayed_default:
        parts.append(f"Default: {field.displayed_default}.")
    return name_options(" ".join(parts))


def _format_list(items: Iterator[str]) -> str:
    return "\n".join(
        textwrap.fill(
            item,
            WIDTH,
            initial_indent="- ",
            subsequent_indent="  ",
            break_on_hyphens=False,
            break_long_words=False,
        )
        for item in items
    )


if __name__ == "__main__":
    print(make_reference(), end="")  # noqa: T201
