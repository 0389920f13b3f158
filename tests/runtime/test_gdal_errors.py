"""Errors of GDAL: lack of memory is none of a file's faults."""

from __future__ import annotations

import ast

from tests.test_architecture import MODULES, room_of


def handlers_of_gdal_errors(tree: ast.Module) -> list[ast.ExceptHandler]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and node.type is not None
        and "GDAL_ERRORS" in ast.unparse(node.type)
    ]


def test_every_handler_of_gdal_errors_looks_for_lack_of_memory_first() -> None:
    """Otherwise a healthy file is reported, or removed from the cache, as a damaged one."""
    handlers = [
        (name, handler)
        for name, path in MODULES.items()
        if room_of(name) != "demo"
        for handler in handlers_of_gdal_errors(ast.parse(path.read_bytes()))
    ]
    assert handlers
    for name, handler in handlers:
        assert ast.unparse(handler.body[0]) == f"raise_if_out_of_memory({handler.name})", name
