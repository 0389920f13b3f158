"""``hrdem schema``."""

from __future__ import annotations

import json as json_library
import re
from importlib.resources import files
from typing import Any

import click

from hrdem.cli import options, show

FOLDER = files("hrdem") / "schemas"
SUFFIX = ".json"
_REFERENCE = re.compile(r'"#/\$defs/(\w+)"')


@click.command("schema", cls=options.Command)
@click.argument("document", required=False)
@options.add()
def command(*, document: str | None, json: bool) -> None:
    """List the JSON documents of the command line, or print the schema of one.

    The names are those of the commands, as in tile-status for hrdem tile status --json; error is
    the document of a command that failed. With --json all schemas are printed as one document.

    \b
      hrdem schema
      hrdem schema extract
    """
    names = list_schemas()
    if document is not None:
        if document not in names:
            raise click.UsageError(
                f"There is no document {document!r}. Choose one of {', '.join(names)}."
            )
        click.echo(json_library.dumps(read_schema(document), indent=2))
    elif json:
        show.document({"schemas": {name: read_schema(name) for name in names}})
    else:
        show.table((name, read_schema(name)["title"]) for name in names)


def list_schemas() -> list[str]:
    """Return the names of all schemas."""
    names = (each.name for each in FOLDER.iterdir())
    return sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))


def read_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a document, with the definitions that it refers to."""
    text = FOLDER.joinpath(name + SUFFIX).read_text("utf-8")
    shared = json_library.loads(FOLDER.joinpath("shared", "definitions.json").read_text("utf-8"))
    used: dict[str, Any] = {}
    _add_definitions(text, shared, used)
    schema: dict[str, Any] = json_library.loads(text)
    return schema | ({"$defs": used} if used else {})


def _add_definitions(text: str, shared: dict[str, Any], used: dict[str, Any]) -> None:
    """Add the shared definitions that a text refers to, and those that they refer to."""
    for name in _REFERENCE.findall(text):
        if name not in used:
            used[name] = shared[name]
            _add_definitions(json_library.dumps(shared[name]), shared, used)
