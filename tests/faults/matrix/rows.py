"""All rows, by groups.

In what is said, SERVER is the address of the service, FILES that of the folder of its files, OUTPUT
the output, OLD and NEW are versions, and … stands for what may be anything.
"""

from __future__ import annotations

from tests.faults.matrix.connections import CONNECTIONS
from tests.faults.matrix.machine import KEPT, THIS_MACHINE
from tests.faults.matrix.replies import REPLIES
from tests.faults.matrix.services import CATALOGUES, EDITIONS, WCS

GROUPS = (
    ("Connections", CONNECTIONS),
    ("Answers", REPLIES),
    ("Files that are published again", EDITIONS),
    ("Catalogues", CATALOGUES),
    ("In the place of files", WCS),
    ("This machine", THIS_MACHINE),
    ("Kept ranges", KEPT),
)
