"""Errors of pyogrio's writer, whose classes say nothing of a full disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hrdem.errors import OutputError
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import end_sentence, to_one_line

_MAX_REASON_CHARACTERS = 200


@contextlib.contextmanager
def translate_pyogrio_errors(name: str, advice: str) -> Iterator[None]:
    """Raise an error with advice if pyogrio cannot write a file.

    Args:
        name: Path of the file, or what it is.
        advice: What to do, a sentence.

    Raises:
        OutputError: If it cannot be written.
    """
    from pyogrio.errors import (  # noqa: PLC0415 (slow to import, and only files need it)
        DataLayerError,
        DataSourceError,
    )

    try:
        yield
    except (DataSourceError, DataLayerError, OSError) as exc:
        strerror = exc.strerror if isinstance(exc, OSError) else None
        reason = to_one_line(redact_secrets(strerror or str(exc)), _MAX_REASON_CHARACTERS)
        raise OutputError(f"{name} cannot be written: {end_sentence(reason)} {advice}") from exc
