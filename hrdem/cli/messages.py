"""Messages on standard error: parameters named as options, credentials removed, logging."""

from __future__ import annotations

import datetime
import logging
import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from hrdem.errors import OutputError
from hrdem.request.message_parameters import FIELDS, MENTION, drop_foreign_advice
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.shell import join_command
from hrdem.runtime.text import escape_unprintable

MIN_SECONDS_BETWEEN_RETRY_LINES = 1.0
MAX_COLLECTED_WARNINGS = 1000
_RETRIES = "hrdem.http.retry"
_LEVELS = logging.WARNING, logging.INFO, logging.DEBUG  # without -v, with it, with -vv
SEVERAL_SHEETS = "Give several sheets with commas between: --nts 031K01,031K02."
TILE_SHEETS = "hrdem tile --nts 031K01,031K02 writes a file for each of several sheets."


@dataclass(frozen=True, slots=True)
class Wording:
    """How a command words messages, which name parameters.

    Attributes:
        available: Names of its parameters; advice that names others is left out.
        variables: Those of them that an environment variable sets, and no option.
        arguments: Those of them that are arguments, and no options.
    """

    available: frozenset[str] = frozenset(FIELDS)
    variables: frozenset[str] = frozenset()
    arguments: frozenset[str] = frozenset()

    def apply(self, text: str) -> str:
        """Return a message that names options, or environment variables where those were used."""
        text = drop_foreign_advice(text, self.available)
        return name_options(text, self.variables, self.arguments)


def name_options(
    text: str, variables: Collection[str] = (), arguments: Collection[str] = ()
) -> str:
    """Rewrite the parameters that a message names in backquotes as options.

    ``bbox_crs=EPSG:3979`` becomes ``--bbox-crs EPSG:3979``, and ``crop=False`` ``--no-crop``. What
    names no parameter is left as it is.

    Args:
        text: The message.
        variables: Parameters that an environment variable sets, which becomes their name.
        arguments: Parameters that are arguments, which a command's usage has in capitals.
    """

    def rewrite(found: re.Match[str]) -> str:
        if found["name"] in arguments and found["value"] is None:
            return found["name"].upper()
        return _as_option(found, variables)

    return MENTION.sub(rewrite, text)


def _as_option(found: re.Match[str], variables: Collection[str]) -> str:
    field, value = FIELDS.get(found["name"]), found["value"]
    if field is None:
        return found[0]
    if value is None and field.name in variables:
        return field.variable
    option = next((flag for flag in field.flags if len(flag) == 2), field.option)
    if value is None or (field.is_flag and value == "True"):
        return option
    if field.is_flag:
        return next((flag for flag in field.flags if flag.startswith("--no-")), found[0])
    bare = value.strip("\"'")
    return f"{option} {join_command([bare]) if ' ' in bare else bare}"


def for_terminal(text: str) -> str:
    """Name options in a message, remove credentials, and escape control characters."""
    return escape_unprintable(redact_secrets(name_options(text)))


class _TerminalFormatter(logging.Formatter):
    """Makes log lines of any library safe to print, in the wording of a command."""

    def __init__(self, wording: Wording, form: str = "hrdem: %(message)s") -> None:
        super().__init__(form)
        self._wording = wording

    def format(self, record: logging.LogRecord) -> str:
        return for_terminal(self._wording.apply(super().format(record)))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        when = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        return f"{when:%Y-%m-%dT%H:%M:%SZ}"


class WarningCollector(logging.Handler):
    """Collects warnings for a document.

    Args:
        warnings: The list that it appends to.
    """

    def __init__(self, warnings: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._warnings = warnings

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._warnings) < MAX_COLLECTED_WARNINGS:
            self._warnings.append(self.format(record))


class RetryRateLimit(logging.Filter):
    """Passes one line about retries a second, with the number of lines that it dropped.

    Many connections fail at the same time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0
        self._dropped = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != _RETRIES or record.levelno > logging.WARNING:
            return True
        if time.monotonic() < self._next:
            self._dropped += 1
            return False
        if self._dropped:
            record.msg = f"{record.getMessage()} Similar messages left out: {self._dropped}."
            record.args = ()
        self._next, self._dropped = time.monotonic() + MIN_SECONDS_BETWEEN_RETRY_LINES, 0
        return True


class DuplicateFilter(logging.Filter):
    """Passes each warning once: all areas of a layer can have the same."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == _RETRIES or record.levelno != logging.WARNING:
            return True
        text = record.getMessage()
        is_new = text not in self._passed
        if is_new and len(self._passed) < MAX_COLLECTED_WARNINGS:
            self._passed.add(text)
        return is_new


def set_up_logging(
    verbose: int, wording: Wording, warnings: list[str], *, quiet: bool = False
) -> None:
    """Log to standard error, and collect warnings.

    Args:
        verbose: 0 for warnings, 1 for information, 2 for every request.
        wording: How the command words messages.
        warnings: List to which warnings are appended, also quietly.
        quiet: Whether only errors are logged to standard error.
    """
    level = _LEVELS[min(verbose, 2)]
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.ERROR if quiet else level)
    terminal.setFormatter(_TerminalFormatter(wording))
    collector = WarningCollector(warnings)
    collector.setFormatter(_TerminalFormatter(wording, "%(message)s"))
    for handler in (collector,) if verbose else (collector, terminal):
        handler.addFilter(RetryRateLimit())
        handler.addFilter(DuplicateFilter())
    logging.basicConfig(handlers=[terminal, collector], force=True)
    logging.getLogger("hrdem").setLevel(level)
    libraries = logging.INFO if verbose > 1 else logging.CRITICAL
    for name in ("rasterio", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(libraries)


def open_log_file(path: Path, verbose: int, wording: Wording) -> logging.Handler:
    """Append to a log file what -v logs, or more, each line with the time in UTC.

    Args:
        path: The file.
        verbose: 2 for every request too.
        wording: How the command words messages.

    Returns:
        The handler, to be closed at the end of the run.

    Raises:
        OutputError: If the file cannot be written.
    """
    level = _LEVELS[max(1, min(verbose, 2))]
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as exc:
        raise OutputError(
            f"{path} cannot be written: {exc.strerror}. Choose another --log-file."
        ) from exc
    handler.setLevel(level)
    handler.setFormatter(_TerminalFormatter(wording, "%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger("hrdem").setLevel(level)
    return handler
