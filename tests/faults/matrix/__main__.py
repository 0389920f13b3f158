"""Write the rows into docs/reliability.md: ``python -m tests.faults.matrix``."""

from tests.faults.matrix.table import DOCUMENT, with_tables

DOCUMENT.write_text(with_tables(DOCUMENT.read_text("utf-8")), "utf-8")
