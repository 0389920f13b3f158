"""Texts that name local files: paths and file URIs, unlike addresses on the network."""

from __future__ import annotations

import re

# a URL or a virtual path of GDAL; a single letter before the colon is a drive of Windows
_ADDRESS = re.compile(r"/vsi|[a-z][a-z0-9+.-]+:/", re.IGNORECASE)


def is_address(text: str) -> bool:
    """Whether a text is a URL or a virtual path of GDAL, and not a local path."""
    return _ADDRESS.match(text) is not None


def read_file_uri(text: str) -> str:
    """Return the path in a file URI of this machine (RFC 8089); other text as it is.

    Args:
        text: Such as ``file:///C:/data/area.geojson``.
    """
    if not text.lower().startswith("file:/"):
        return text
    from urllib.parse import urlsplit  # noqa: PLC0415
    from urllib.request import url2pathname  # noqa: PLC0415 (slow to import, and rarely needed)

    parts = urlsplit(text)
    return url2pathname(parts.path) if parts.netloc in ("", "localhost") else text
