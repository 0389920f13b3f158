"""Default limits on what a run takes; each can be set by an option."""

from __future__ import annotations

import os

DEFAULT_MAX_MEMORY_BYTES = 300_000_000
DEFAULT_MAX_DOWNLOAD_BYTES = 50_000_000_000
DEFAULT_MAX_CACHE_BYTES = 20_000_000_000
DEFAULT_CONNECTIONS = 16  # of all workers of a job together
DEFAULT_CODERS = min(4, os.cpu_count() or 1)  # threads that decode and encode; each takes some 8 MB
