"""Put a table into a page, between two marks."""

from __future__ import annotations

from pathlib import Path


def insert_table(page: Path, mark: str, table: str) -> None:
    """Replace what is between ``<!-- mark -->`` and ``<!-- /mark -->``.

    Args:
        page: Markdown file.
        mark: Name of the marks.
        table: Text with a line end.
    """
    before, first, rest = page.read_text("utf-8").partition(f"<!-- {mark} -->")
    _, last, after = rest.partition(f"<!-- /{mark} -->")
    assert first
    assert last
    page.write_text(f"{before}{first}\n{table}{last}{after}", "utf-8")
