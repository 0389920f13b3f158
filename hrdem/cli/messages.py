"""Messages on standard error: parameters named as options, credentials removed, logging."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Collection
from dataclasses import dataclass

from hrdem.request.message_parameters import FIELDS, MENTION, drop_foreign_advice
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.shell import join_command
from hrdem.runtime.text import escape_unprintable

MIN_SECONDS_BETWEEN_RETRY_LINES = 1.0
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

    def __init__(self, wording: Wording) -> None:
        super().__init__("hrdem: %(message)s")
        self._wording = wording

    def format(self, record: logging.LogRecord) -> str:
        return for_terminal(self._wording.apply(super().format(record)))


class RetryRateLimit(logging.Filter):
    """Passes one line about retries a second, with the number of lines that it dropped.

    Many connections fail at the same time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0
        self._dropped = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != "hrdem.http.retry" or record.levelno > logging.WARNING:
            return True
        if time.monotonic() < self._next:
            self._dropped += 1
            return False
        if self._dropped:
            record.msg = f"{record.getMessage()} Similar messages left out: {self._dropped}."
            record.args = ()
        self._next, self._dropped = time.monotonic() + MIN_SECONDS_BETWEEN_RETRY_LINES, 0
        return True


def set_up_logging(verbose: int, wording: Wording, *, quiet: bool) -> None:
    """Log to standard error.

    Args:
        verbose: 0 for warnings, 1 for information, 2 for every request.
        wording: How the command words messages.
        quiet: Whether only errors are logged.
    """
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    handler = logging.StreamHandler()
    handler.setFormatter(_TerminalFormatter(wording))
    if not verbose:
        handler.addFilter(RetryRateLimit())
    logging.basicConfig(handlers=[handler], force=True)
    logging.getLogger("hrdem").setLevel(logging.ERROR if quiet else level)
    libraries = logging.INFO if verbose > 1 else logging.CRITICAL
    for name in ("rasterio", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(libraries)
