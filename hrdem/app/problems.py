"""Errors as JSON, in the shape that the command line's ``--json`` has."""

from __future__ import annotations

import errno
import logging
import re
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from hrdem.errors import (
    ExitCode,
    HrdemError,
    MissingLibraryError,
    NetworkError,
    NotCachedError,
    OutputError,
    SourceChangedError,
)

log = logging.getLogger(__name__)

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+(?=[A-Z`])")
_PARAMETER = re.compile(r"`([a-z_]+)")
_STATUSES = (
    ((NetworkError, NotCachedError, SourceChangedError), HTTPStatus.BAD_GATEWAY),
    ((MissingLibraryError,), HTTPStatus.NOT_IMPLEMENTED),
    ((OutputError,), HTTPStatus.INSUFFICIENT_STORAGE),
)


class RefusedError(Exception):
    """A request that the server refuses.

    Attributes:
        status: HTTP status.
        kind: Name of the problem, in place of an exception's.
        parameter: Parameter that the problem is about.
        headers: Further headers of the response.
        details: Further values of the error.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        parameter: str | None = None,
        headers: dict[str, str] | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.parameter = parameter
        self.headers = headers or {}
        self.details = details

    def respond(self) -> JSONResponse:
        """Return the response."""
        error = describe(self.kind, str(self), ExitCode.USAGE, self.parameter)
        return JSONResponse({"error": {**error, **self.details}}, self.status, self.headers)


def unknown() -> RefusedError:
    """Return the problem of what does not exist, or belongs to another browser."""
    return RefusedError(404, "Unknown", "There is no such thing here. Reload the page.")


def no_area() -> RefusedError:
    """Return the problem of an uploaded area that was removed, as the oldest of many are."""
    return RefusedError(
        404, "UnknownArea", "The file of the area is not here any more. Choose it again."
    )


def describe(
    kind: str, text: str, code: int = ExitCode.DEFECT, parameter: str | None = None
) -> dict[str, Any]:
    """Return an error as JSON-ready values.

    Args:
        kind: Name of the error's class.
        text: What happened, in a sentence, and what to do, in the others.
        code: Exit code that the command line would have.
        parameter: Parameter that the error is about; None takes the first that the text names.
    """
    message, *hints = _SENTENCE_END.split(text)
    named = _PARAMETER.search(text)
    return {
        "code": int(code),
        "class": kind,
        "message": message,
        "hint": " ".join(hints),
        "parameter": parameter or (named[1] if named else None),
    }


async def respond_to_refusal(request: Request, error: Exception) -> JSONResponse:
    """Respond to a request that the server refuses."""
    assert isinstance(error, RefusedError)
    return error.respond()


async def respond_to_error(request: Request, error: Exception) -> JSONResponse:
    """Respond to a request that a function of hrdem refuses."""
    assert isinstance(error, HrdemError)
    status = next((code for kinds, code in _STATUSES if isinstance(error, kinds)), 400)
    described = describe(type(error).__name__, str(error), error.exit_code)
    return JSONResponse({"error": described}, status)


async def respond_to_disk_error(request: Request, error: Exception) -> JSONResponse:
    """Respond to a request that could not be stored."""
    if isinstance(error, OSError) and error.errno not in (errno.ENOSPC, errno.EDQUOT):
        raise error
    log.error("A request could not be stored: %s", error)
    text = f"The server cannot store it: {error}. Free space on its disk."
    described = describe("OutputError", text, ExitCode.OUTPUT)
    return JSONResponse({"error": described}, HTTPStatus.INSUFFICIENT_STORAGE)


async def respond_to_http_error(request: Request, error: Exception) -> JSONResponse:
    """Respond to an address or method that does not exist."""
    assert isinstance(error, HTTPException)
    text = describe(HTTPStatus(error.status_code).phrase.replace(" ", ""), f"{error.detail}.")
    return JSONResponse({"error": text}, error.status_code, error.headers)


def respond_to_defect() -> JSONResponse:
    """Return the response to a request that failed for a reason that nobody expected."""
    text = describe("Defect", "A defect of hrdem. The messages of the server have the details.")
    return JSONResponse({"error": text}, 500)
