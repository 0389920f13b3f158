"""The HTTP client: timeouts, retries, allowed hosts, pinned byte ranges, the cache."""

from __future__ import annotations

import sys

# httpx tries to import its own command line, and with that rich and pygments if they are there: it
# takes longer than to import all that a request needs. It does without where the import fails.
if "httpx" not in sys.modules:
    sys.modules["httpx._main"] = None  # type: ignore[assignment]
