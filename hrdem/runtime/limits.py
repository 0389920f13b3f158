"""Default limits on what a run takes; each can be set by an option."""

from __future__ import annotations

DEFAULT_MAX_MEMORY_BYTES = 300_000_000
DEFAULT_MAX_DOWNLOAD_BYTES = 50_000_000_000
DEFAULT_MAX_CACHE_BYTES = 20_000_000_000
