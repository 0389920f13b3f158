"""The JSON documents that tests see, checked against the schemas that `hrdem schema` prints."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from hrdem.cli import documents
from hrdem.cli.schema import list_schemas, read_schema

if TYPE_CHECKING:
    from jsonschema.protocols import Validator


@functools.cache
def validator(name: str) -> Validator:
    from jsonschema import Draft202012Validator

    schema = read_schema(name)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def find_problems(name: str, document: dict[str, Any]) -> list[str]:
    """Compare a document with its schema, which has to describe all of its keys."""
    if name not in list_schemas():
        return [f"hrdem/schemas/{name}.json is missing: a document has no schema."]
    unknown = document.keys() - validator(name).schema["properties"].keys()
    problems = [f"{name}: the schema does not describe {key!r}." for key in sorted(unknown)]
    errors = validator(name).iter_errors(document)
    return problems + [f"{name}: {error.json_path}: {error.message}" for error in errors]


@contextmanager
def checking(problems: list[str]) -> Iterator[None]:
    """Collect what is wrong with the documents that commands print in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for function in ("print_document", "print_line"):
            printing = getattr(documents, function)

            def check(name: str, document: dict[str, Any], printing: Any = printing) -> None:
                problems.extend(find_problems(name, document))
                printing(name, document)

            patch.setattr(documents, function, check)
        yield
