"""One parameter: its name, help, default and conversion, in Python and on the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hrdem.errors import RequestError
from hrdem.request.convert import parse_flag, parse_text
from hrdem.runtime.byte_sizes import format_size, parse_size


class Group(StrEnum):
    """The sections of the help, in its order."""

    AREA = "Area"
    PRODUCT = "Product"
    GRID = "Grid"
    TILES = "Tiles"
    OUTPUT = "Output"
    SERVER = "Server"
    SERVICE = "Service"
    RUN = "Run"
    REPORTING = "Reporting"


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter.

    Attributes:
        name: The keyword in Python; the option is the same with dashes.
        help: What it does, in a sentence or two.
        group: Its section in the help.
        metavar: What the help shows for its value: the unit, or the form.
        default: Its value if it is left out.
        default_text: How the help describes a default that depends on other things.
        parse: Converts the text of an option, and what Python users pass; raises ValueError with a
            sentence.
        choices: The enumeration that its value is one of.
        required: Whether it has to be given.
        flags: Further names of the option, such as ``-o``, or ``--no-crop`` to switch it off.
        takes_none: Whether None is a value in Python; for other fields it counts as left out.
    """

    name: str
    help: str
    group: Group
    metavar: str = ""
    default: Any = None
    default_text: str = ""
    parse: Callable[[Any], Any] = parse_text
    choices: type[StrEnum] | None = None
    required: bool = False
    flags: tuple[str, ...] = ()
    takes_none: bool = False

    @property
    def option(self) -> str:
        """The long name of the option."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """The environment variable that sets the option."""
        return f"HRDEM_{self.name.upper()}"

    @property
    def is_flag(self) -> bool:
        """Whether the option has no value."""
        return not self.form

    def convert(self, value: Any) -> Any:
        """Convert what a Python user passed.

        Raises:
            RequestError: If it is not such a value; the message names the parameter.
        """
        try:
            return (parse_flag if self.is_flag else self.parse)(value)
        except ValueError as exc:
            raise RequestError(f"`{self.name}`: {exc}") from exc

    @property
    def form(self) -> str:
        """What the help shows for a value; empty for a flag."""
        return self.metavar or "|".join(self.choices or ())

    @property
    def displayed_default(self) -> str:
        """The default as a user would write it; empty if there is nothing to say."""
        if self.default_text or self.default in (None, False, ""):
            return self.default_text
        if self.parse is parse_size:
            return format_size(self.default).replace(" ", "")
        return f"{self.default:g}" if isinstance(self.default, float) else str(self.default)
