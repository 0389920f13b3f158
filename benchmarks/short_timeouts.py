"""The command line with short timeouts and waits, for the soak test."""

from __future__ import annotations

import functools
import sys

from hrdem.cli import main
from hrdem.http import session
from hrdem.http.client import HttpClient
from hrdem.http.retry import Retries
from hrdem.http.timeouts import Timeouts

if __name__ == "__main__":
    session.HttpClient = functools.partial(  # type: ignore[misc, assignment]
        HttpClient,
        timeouts=Timeouts(connect=2, read=1, total=20, slow=1),
        retries=Retries(attempts=5, first_wait=0.02, max_wait=0.1),
    )
    sys.argv[0] = "hrdem"
    main.main()
