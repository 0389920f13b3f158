"""The HTTP client: timeouts, retries, allowed hosts, pinned byte ranges, the cache."""
