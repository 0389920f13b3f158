"""All rows, by group.

In messages, SERVER is the address of the service, FILES the address of its files, OUTPUT the output
file, OLD and NEW are versions, and … matches anything.
"""

from __future__ import annotations

from tests.faults.matrix.connections import CONNECTIONS
from tests.faults.matrix.machine import CACHE, THIS_MACHINE
from tests.faults.matrix.partial import INCOMPLETE
from tests.faults.matrix.replies import REPLIES
from tests.faults.matrix.services import CATALOGUES, EDITIONS, WCS

GROUPS = (
    ("Connections", CONNECTIONS),
    ("Responses", REPLIES),
    ("Republished files", EDITIONS),
    ("Catalogues", CATALOGUES),
    ("WCS instead of files", WCS),
    ("Incomplete outputs", INCOMPLETE),
    ("This machine", THIS_MACHINE),
    ("Cache", CACHE),
)
