"""What several calls of one program share."""

from __future__ import annotations

from hrdem.http.client import HttpClient
from hrdem.http.metadata_cache import MAX_AGE_SECONDS, MetadataCache


class Session(HttpClient):
    """Connections, headers of files and items that several calls share.

        with hrdem.Session() as session:
            for name, box in boxes.items():
                hrdem.extract(bbox=box, product="dtm", output=f"{name}.tif", http=session)

    A call that reads where another has read sends no requests but those for its pixels. For ten
    minutes the catalogue is not searched again, and files are expected to have the version that
    they had; pixels of another version are never mixed in: a file that was republished meanwhile is
    noticed when its pixels are fetched, and its new version is read.

    Proxies and certificates are those of the environment when it is created. Several threads can
    use it at the same time. Use it as a context manager, or `close` it.
    """

    def __init__(self) -> None:
        super().__init__(metadata=MetadataCache(MAX_AGE_SECONDS))
