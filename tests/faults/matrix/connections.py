"""Rows: failing connections."""

from __future__ import annotations

from hrdem.errors import ExitCode
from hrdem.http.timeouts import Timeouts
from tests.faults.matrix import answers, commands
from tests.faults.matrix.row import EVERYWHERE, OUTSIDE, RESUMED, Row, once
from tests.faults.matrix.store import Place

_HASTY = Timeouts(connect=5, read=0.5, total=60)  # for servers that never respond
_NOT_SLOW = Timeouts(connect=5, read=30, total=60, slow=0.3)
_NO_WAY = "http://127.0.0.1:1"  # no server listens there
_NOWHERE, _NOWHERE_TLS = "http://hrdem.invalid", "https://hrdem.invalid"

CONNECTIONS = (
    Row(
        fault="the catalogue's host refuses connections",
        message=f"{_NO_WAY}/search cannot be reached (…). Check the network, the proxy and the "
        "address. Tried 5 times.",
        run=commands.with_catalogue(_NO_WAY),
    ),
    Row(
        fault="the files' host refuses connections",
        message=f"{_NO_WAY}/…dtm.tif cannot be reached (…). Check the network, the proxy and the "
        "address. Tried 5 times.",
        files_url=_NO_WAY,
    ),
    Row(
        fault="the catalogue's host has no address (DNS)",
        message=f"{_NOWHERE}/search cannot be reached (…). Check the network, the proxy and the "
        "address. Tried 5 times.",
        run=commands.with_catalogue(_NOWHERE),
    ),
    Row(
        fault="the files' host has no address (DNS)",
        message=f"{_NOWHERE}/…dtm.tif cannot be reached (…). Check the network",
        files_url=_NOWHERE,
    ),
    Row(
        fault="the catalogue's certificate is not trusted (TLS)",
        message="https://SERVER/stac/api/search has a certificate that is not trusted here (…). "
        "Behind a proxy that inspects traffic, set SSL_CERT_FILE to its certificate bundle; hrdem "
        "doctor shows which certificates are used.",
        run=commands.untrusted_catalogue,
    ),
    Row(
        fault="the files' certificate is not trusted (TLS)",
        message="https://FILES/…dtm.tif has a certificate that is not trusted here (…)",
        run=commands.untrusted_files,
    ),
    Row(
        fault="the variable SSL_CERT_FILE names no certificates",
        message="The certificates of SSL_CERT_FILE (/missing.pem)… cannot be read (…). Correct or "
        "unset SSL_CERT_FILE",
        run=commands.with_variables(_NOWHERE_TLS, SSL_CERT_FILE="/missing.pem"),
        exit_codes=(ExitCode.USAGE,),
    ),
    Row(
        fault="a proxy that the environment names refuses connections",
        message=f"{_NOWHERE}/search cannot be reached (through the proxy {_NO_WAY} of http_proxy: "
        "…). Check the network, the proxy and the address. Tried 5 times.",
        run=commands.with_variables(_NOWHERE, http_proxy=_NO_WAY, NO_PROXY="", no_proxy=""),
    ),
    Row(
        fault="the variable of a proxy holds no address",
        message="The proxy of http_proxy has no valid address. Give one like …; or unset it.",
        run=commands.with_variables(_NOWHERE, http_proxy="http://[", NO_PROXY="", no_proxy=""),
        exit_codes=(ExitCode.USAGE,),
    ),
    Row(
        fault="NO_PROXY holds an entry that cannot be read",
        effect="the entry is ignored",
        message="'[fd00::' in NO_PROXY is ignored: it is neither a host name nor an IP address",
        run=commands.with_variables(http_proxy=_NO_WAY, NO_PROXY="[::1],[fd00::"),
        exit_codes=(ExitCode.COMPLETE,),
    ),
    once(
        "a connection is reset before the response, once",
        "did not complete its response (…). Trying again in",
        answers.reply(dropped=True),
        EVERYWHERE,
    ),
    Row(
        fault="connections are reset before the response, always",
        message="did not complete its response (…). Tried 5 times.",
        answer=answers.reply(dropped=True),
        at=EVERYWHERE,
    ),
    once(
        "a connection is reset during the response, once",
        "did not complete its response (…). Trying again in",
        answers.altered(cut=500, reset=True),
        (Place.CATALOGUE, Place.HEADER),
    ),
    once(
        "a connection is reset during the response, once",
        "did not complete its response (…). Trying again in",
        answers.altered(cut=500, reset=True),
        (Place.INDEX, Place.TILES),
        RESUMED,
    ),
    Row(
        fault="connections are reset during the response, always",
        message="did not complete its response (…). Tried 5 times.",
        answer=answers.altered(cut=100, reset=True),
        at=OUTSIDE,
    ),
    once(
        "a server accepts and never responds, once",
        "stopped responding (timed out). Trying again in",
        answers.reply(silent=True),
        timeouts=_HASTY,
    ),
    Row(
        fault="a server accepts and never responds, always",
        message="stopped responding (timed out). Tried 5 times.",
        answer=answers.reply(silent=True),
        at=OUTSIDE,
        timeouts=_HASTY,
    ),
    once(
        "a response stalls half way, once",
        "stopped responding (timed out). Trying again in",
        answers.altered(cut=1000, stalls=True),
        timeouts=_HASTY,
    ),
    Row(
        fault="a bit of a tile flips in transit, over https",
        effect=RESUMED,
        exit_codes=(ExitCode.COMPLETE,),
        message="https://FILES/…dtm.tif did not complete its response (…). Trying again in",
        run=commands.altered_in_transit,
    ),
    Row(
        fault="a response trickles past the total timeout",
        message="stopped responding (no complete response within …). Tried 5 times.",
        answer=answers.altered(pause=0.05, piece=5_000),
        at=(Place.TILES,),
        timeouts=Timeouts(connect=5, read=30, total=0.3),
    ),
    Row(
        fault="responses trickle at 1 kB/s, always",
        message="responds too slowly (… bytes in … s). Tried 5 times.",
        answer=answers.altered(pause=0.05, piece=50),
        at=(Place.CATALOGUE,),
        timeouts=_NOT_SLOW,
    ),
    once(
        "a response trickles at 1 kB/s, once",
        "responds too slowly (… bytes in … s). Trying again in",
        answers.altered(pause=0.05, piece=50),
        (Place.TILES,),
        RESUMED,
        _NOT_SLOW,
    ),
)
