"""Limits on what a run takes; the defaults can be set by options."""

from __future__ import annotations

import os

DEFAULT_MAX_MEMORY_BYTES = 300_000_000
DEFAULT_MAX_DOWNLOAD_BYTES = 50_000_000_000
DEFAULT_MAX_CACHE_BYTES = 20_000_000_000
DEFAULT_CONNECTIONS = 16  # of all workers of a job together
DEFAULT_CODERS = min(4, os.cpu_count() or 1)  # threads that decode and encode; each takes some 8 MB
# Holds all directories of a mosaic file and arrives in one round trip; more is read if needed.
HEADER_READ_BYTES = 12_288
