"""Give functions the keywords and defaults of the table of fields."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from hrdem.errors import HrdemError
from hrdem.request.field import Field
from hrdem.request.message_parameters import drop_foreign_advice
from hrdem.request.options import parse_choice
from hrdem.runtime.closest import find_closest

P = ParamSpec("P")
R = TypeVar("R")


def complete(fields: Iterable[Field], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all fields: as given or by default, choices as enumerations.

    None counts as left out, except for fields that take it.

    Raises:
        TypeError: If a parameter is unknown, or one that is required is missing.
        RequestError: If a value is not of its field's kind, or none of its choices.
    """
    table = {field.name: field for field in fields}
    for name in params.keys() - table.keys():
        closest = find_closest(name, table)
        hint = f" Did you mean {closest!r}?" if closest else ""
        raise TypeError(f"There is no parameter {name!r}.{hint}")
    if missing := [f.name for f in table.values() if f.required and params.get(f.name) is None]:
        raise TypeError(f"The parameter {missing[0]!r} is required.")
    values = {}
    for name, field in table.items():
        value = params.get(name)
        if value is not None:
            value = field.convert(value)
        elif not (field.takes_none and name in params):
            value = field.default
        if field.choices and value is not None:
            value = parse_choice(field.choices, value, name)
        values[name] = value
    return values


def takes(
    fields: Sequence[Field], *, advice: Sequence[Field] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function that takes fields as keywords: it receives all of them, `complete`.

    Its signature, as `help` shows it, lists the fields with their defaults. Its errors advise only
    what it can follow.

    Args:
        fields: Its parameters.
        advice: Further parameters that its errors may name, because another function took them.
    """
    available = {field.name for field in (*fields, *advice)}

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            others = {p.name: kwargs.pop(p.name) for p in own if p.name in kwargs}
            try:
                return function(*args, **others, **complete(fields, kwargs))  # type: ignore[arg-type]
            except HrdemError as exc:
                exc.reword(drop_foreign_advice(str(exc), available))
                raise

        named = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.required else field.default,
            )
            for field in fields
        ]
        ordered = sorted([*own, *named], key=lambda p: p.kind)  # stable
        call.__signature__ = signature.replace(parameters=ordered)  # type: ignore[attr-defined]
        return call

    return decorate


def select(params: Mapping[str, Any], fields: Iterable[Field]) -> dict[str, Any]:
    """Return the parameters that are among fields."""
    return {field.name: params[field.name] for field in fields}
