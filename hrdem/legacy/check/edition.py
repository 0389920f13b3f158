"""The edition of CDED that a file says it follows."""

from __future__ import annotations

from hrdem.request.options import Edition

FIELD = slice(892, 896)  # element 28


def read_edition(block: bytes) -> Edition:
    """Return the edition of CDED that a type A record states (CDED 2.1, 7.4.2 element 28).

    The last two digits of element 28 are edition and version of the specification. It was left
    empty before edition 2.0, as the document's history of revisions shows.

    Args:
        block: The first 1024 bytes of the file.
    """
    text = block[FIELD].strip(b" ")
    if not text or text[-2:-1] in (b"0", b"1"):
        return Edition.CDED_1_0
    return Edition.CDED_2_0 if text[-2:] == b"20" else Edition.CDED_2_1
