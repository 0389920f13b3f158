"""Rows of connections that fail."""

from __future__ import annotations

from hrdem.errors import ExitCode
from hrdem.http.timeouts import Timeouts
from tests.faults.matrix import answers, commands
from tests.faults.matrix.row import EVERYWHERE, GOES_ON, OUTSIDE, Row, once
from tests.faults.matrix.store import Place

_HASTY = Timeouts(connect=5, read=0.5, total=60)  # for what never comes
_NOT_SLOW = Timeouts(connect=5, read=30, total=60, slow=0.3)
_NO_WAY = "http://127.0.0.1:1"  # nobody listens there
_NOWHERE = "http://hrdem.invalid"

CONNECTIONS = (
    Row(
        wrong="the catalogue's host refuses connections",
        said=f"{_NO_WAY}/search cannot be reached (…). Check the network, the proxy and the "
        "address. Tried 5 times.",
        way=commands.asking(_NO_WAY),
    ),
    Row(
        wrong="the files' host refuses connections",
        said=f"{_NO_WAY}/…dtm.tif cannot be reached (…). Check the network, the proxy and the "
        "address. Tried 5 times.",
        files_at=_NO_WAY,
    ),
    Row(
        wrong="the catalogue's host has no address (DNS)",
        said=f"{_NOWHERE}/search cannot be reached (…). Check the network, the proxy and the "
        "address. Tried 5 times.",
        way=commands.asking(_NOWHERE),
    ),
    Row(
        wrong="the files' host has no address (DNS)",
        said=f"{_NOWHERE}/…dtm.tif cannot be reached (…). Check the network",
        files_at=_NOWHERE,
    ),
    Row(
        wrong="the catalogue's certificate is not trusted (TLS)",
        said="https://SERVER/stac/api/search has a certificate that is not trusted here (…). "
        "Behind a proxy that inspects traffic, set SSL_CERT_FILE to its certificate bundle.",
        way=commands.untrusted_catalogue,
    ),
    Row(
        wrong="the files' certificate is not trusted (TLS)",
        said="https://FILES/…dtm.tif has a certificate that is not trusted here (…)",
        way=commands.untrusted_files,
    ),
    once(
        "a connection is reset before the answer, once",
        "broke off its answer (…). Trying again in",
        answers.said(dropped=True),
        EVERYWHERE,
    ),
    Row(
        wrong="connections are reset before the answer, always",
        said="broke off its answer (…). Tried 5 times.",
        answer=answers.said(dropped=True),
        at=EVERYWHERE,
    ),
    once(
        "a connection is reset in mid-answer, once",
        "broke off its answer (…). Trying again in",
        answers.right_but(cut=500, reset=True),
        (Place.CATALOGUE, Place.HEADER),
    ),
    once(
        "a connection is reset in mid-answer, once",
        "broke off its answer (…). Trying again in",
        answers.right_but(cut=500, reset=True),
        (Place.INDEX, Place.TILES),
        GOES_ON,
    ),
    Row(
        wrong="connections are reset in mid-answer, always",
        said="broke off its answer (…). Tried 5 times.",
        answer=answers.right_but(cut=100, reset=True),
        at=OUTSIDE,
    ),
    once(
        "a server accepts and says nothing, once",
        "stopped answering (timed out). Trying again in",
        answers.said(silent=True),
        timeouts=_HASTY,
    ),
    Row(
        wrong="a server accepts and says nothing, always",
        said="stopped answering (timed out). Tried 5 times.",
        answer=answers.said(silent=True),
        at=OUTSIDE,
        timeouts=_HASTY,
    ),
    once(
        "an answer stalls half way, once",
        "stopped answering (timed out). Trying again in",
        answers.right_but(cut=1000, stalls=True),
        timeouts=_HASTY,
    ),
    Row(
        wrong="a bit is flipped in a tile on the way, over https",
        happens=GOES_ON,
        codes=(ExitCode.COMPLETE,),
        said="https://FILES/…dtm.tif broke off its answer (…). Trying again in",
        way=commands.altered_on_the_way,
    ),
    Row(
        wrong="an answer trickles, and takes longer than may be",
        said="stopped answering (no whole answer within …). Tried 5 times.",
        answer=answers.right_but(pause=0.05, piece=5_000),
        at=(Place.TILES,),
        timeouts=Timeouts(connect=5, read=30, total=0.3),
    ),
    Row(
        wrong="answers trickle at 1 kB/s, always",
        said="answers too slowly (… bytes in … s). Tried 5 times.",
        answer=answers.right_but(pause=0.05, piece=50),
        at=(Place.CATALOGUE,),
        timeouts=_NOT_SLOW,
    ),
    once(
        "an answer trickles at 1 kB/s, once",
        "answers too slowly (… bytes in … s). Trying again in",
        answers.right_but(pause=0.05, piece=50),
        (Place.TILES,),
        GOES_ON,
        _NOT_SLOW,
    ),
)
