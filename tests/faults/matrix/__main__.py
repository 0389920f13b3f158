"""Write the rows into docs/reliability.md: ``python -m tests.faults.matrix``."""

from tests.faults.matrix.table import DOCUMENT, written_into

DOCUMENT.write_text(written_into(DOCUMENT.read_text("utf-8")), "utf-8")
