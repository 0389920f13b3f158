"""The command line with short timeouts and waits, for soak tests.

Importing it sets them, so that worker processes, which import the main module of their parent, have
them too; ``--preload benchmarks.short_timeouts`` gives them to workers of Dask.
"""

from __future__ import annotations

import sys

try:
    import functools

    from hrdem.__main__ import main
    from hrdem.http.client import HttpClient
    from hrdem.http.retry import Retries
    from hrdem.http.timeouts import Timeouts
except KeyboardInterrupt:
    sys.exit(130)

HttpClient.__init__ = functools.partialmethod(  # type: ignore[assignment, method-assign]
    HttpClient.__init__,
    timeouts=Timeouts(connect=2, read=1, total=20, slow=1),
    retries=Retries(attempts=5, first_wait=0.02, max_wait=0.1),
)

if __name__ == "__main__":
    sys.argv[0] = "hrdem"
    main()
