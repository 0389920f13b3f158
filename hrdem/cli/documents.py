"""JSON documents on standard output: results and errors, with the warnings of the run."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from hrdem.cli.messages import name_options
from hrdem.request.message_parameters import split_sentences

SCHEMA_VERSION = 1
JSON_OPTION, JSON_VARIABLE = "--json", "HRDEM_JSON"
#: keys of documents whose values are sentences
MESSAGE_KEYS = {"found", "fix", "reason"}
_TRUE = {"1", "true", "t", "yes", "y", "on"}  # as click reads a flag's variable


@dataclass(slots=True)
class Report:
    """What a run of the command line prints besides its result.

    Attributes:
        as_json: Whether a JSON document is requested.
        warnings: Warnings of the run, worded for the command.
        is_printed: Whether a document was printed: there is only one.
        log_file: Handler of the log file, if one is written.
        began: When the run began, by `time.monotonic`.
    """

    as_json: bool = False
    warnings: list[str] = field(default_factory=list)
    is_printed: bool = False
    log_file: logging.Handler | None = None
    began: float = field(default_factory=time.monotonic)

    def fail(self, code: int, kind: str, text: str) -> int:
        """Print an error as a document, if one is requested; return its exit code.

        Args:
            code: Exit code.
            kind: Name of the error's class.
            text: What happened, in a sentence, and what to do, in the others.
        """
        self._log(logging.ERROR, text)
        if self.as_json and not self.is_printed:
            message, *hints = split_sentences(text)
            error = {"code": int(code), "class": kind, "message": message, "hint": " ".join(hints)}
            with contextlib.suppress(OSError):  # the reader is gone
                print_document("error", _complete({"error": error}, self.warnings))
        return code

    def end(self, code: int) -> None:
        """Log the exit code, and close the log file."""
        self._log(logging.INFO, f"Exit code {int(code)}, {time.monotonic() - self.began:.1f} s.")
        if self.log_file is not None:
            logging.getLogger().removeHandler(self.log_file)
            self.log_file.close()

    def _log(self, level: int, text: str) -> None:
        if self.log_file is not None:
            self.log_file.handle(logging.LogRecord("hrdem", level, "", 0, text, None, None))


def is_json_requested(arguments: Sequence[str]) -> bool:
    """Whether arguments, valid or not, or the environment ask for a JSON document."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return JSON_OPTION in options or os.environ.get(JSON_VARIABLE, "").strip().lower() in _TRUE


def document(content: dict[str, Any], name: str = "") -> None:
    """Print the JSON document of a command; its messages name options, as on standard error.

    Args:
        content: What it says, without version and warnings.
        name: Name of its schema, if that is not the name of the command.
    """
    context = click.get_current_context()
    report = context.ensure_object(Report)
    report.is_printed = True
    name = name or "-".join(context.command_path.split()[1:])
    print_document(name, _complete(_name_options_in_json(content), report.warnings))


def progress_line(content: dict[str, Any], name: str) -> None:
    """Print progress as a line of JSON on standard error.

    Args:
        content: What it says, without version and event.
        name: Name of its schema.
    """
    print_line(name, {"schema_version": SCHEMA_VERSION, "event": "progress", **content})


def print_document(name: str, content: dict[str, Any]) -> None:
    """Print a whole document, whose schema has a name."""
    click.echo(json.dumps(content, indent=2))


def print_line(name: str, content: dict[str, Any]) -> None:
    """Print a whole document as a line on standard error."""
    click.echo(json.dumps(content), err=True)


def _complete(content: dict[str, Any], warnings: Sequence[str]) -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION, **content, "warnings": [*dict.fromkeys(warnings)]}


def _name_options_in_json(value: Any, key: str = "") -> Any:
    """Return a JSON value with options in place of the parameters that its messages name."""
    if isinstance(value, dict):
        return {name: _name_options_in_json(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_name_options_in_json(each, key) for each in value]
    return name_options(value) if key in MESSAGE_KEYS and isinstance(value, str) else value
