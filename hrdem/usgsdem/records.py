"""Physical records: blocks of 1024 bytes without line ends, or a line for each."""

from __future__ import annotations

import os
from typing import BinaryIO

from hrdem.errors import RequestError
from hrdem.usgsdem.elements import FIRST_HEIGHTS, NEXT_HEIGHTS, RECORD_BYTES

_CRLF = b"\r\n"
_LF = b"\n"
_MAX_LINE_BYTES = RECORD_BYTES + len(_CRLF)
_MIN_HEADER_BYTES = 864  # a header up to element 16: a line end before is part of a text


def find_delimiter(start: bytes) -> bytes:
    """Find what ends the physical records of a file: nothing (CDED 2.1, 7.4.1), LF or CRLF.

    Lines may end before their trailing blanks, as ``dd conv=unblock`` leaves them.

    Args:
        start: The first 1026 bytes of the file.
    """
    line, end, _ = start[:_MAX_LINE_BYTES].partition(_LF)
    if not end or len(line) < _MIN_HEADER_BYTES:
        return b""
    return _CRLF if line.endswith(b"\r") else _LF


def count_records(points: int) -> int:
    """Return the number of physical records of a profile.

    The first holds 146 heights after 144 bytes of header, each further one 170 (CDED 2.1, 7.4.1:
    records are padded with blanks, and a height is never split).
    """
    return 1 + max(0, -(-(points - FIRST_HEIGHTS) // NEXT_HEIGHTS))


class RecordReader:
    """Reads the physical records of a file, padded with blanks to 1024 bytes each.

    Attributes:
        delimiter: What ends each record in the file.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Read a file from its beginning.

        Args:
            file: The file, which has to be seekable.
            name: Its name in messages.
        """
        self._file = file
        self._name = name
        self.rewind()
        self.delimiter = find_delimiter(file.read(_MAX_LINE_BYTES))
        self.rewind()

    def rewind(self) -> None:
        """Return to the first record."""
        self._file.seek(0)
        self._number = 0

    def read(self, count: int) -> bytes:
        """Read records; the last of a file may lack the blanks at its end.

        Raises:
            RequestError: If the file ends before, or a line is longer than a record.
        """
        if self.delimiter:
            return b"".join([self._read_line() for _ in range(count)])
        content = self._file.read(count * RECORD_BYTES)
        self._number += len(content) // RECORD_BYTES
        if not self._number or len(content) <= (count - 1) * RECORD_BYTES:
            raise self._truncated()
        return content.ljust(count * RECORD_BYTES)

    def skip(self, count: int) -> None:
        """Move past records.

        Raises:
            RequestError: If the file ends before, or a line is longer than a record.
        """
        if self.delimiter:
            for _ in range(count):
                self._read_line()
        elif count:
            self._file.seek((count - 1) * RECORD_BYTES, os.SEEK_CUR)
            self._number += count - 1
            self.read(1)

    def peek(self) -> bytes:
        """Return up to 1024 bytes that follow, without moving on; empty at the end."""
        position = self._file.tell()
        content = self._file.read(RECORD_BYTES)
        self._file.seek(position)
        return content

    def _read_line(self) -> bytes:
        line = self._file.readline(_MAX_LINE_BYTES)
        if not line:
            raise self._truncated()
        self._number += 1
        record = line.rstrip(_CRLF)
        if len(record) > RECORD_BYTES:
            raise RequestError(
                f"{self._name} cannot be read: its line {self._number:,} is longer than the "
                f"{RECORD_BYTES:,} bytes of a record. Give a file whose lines are whole records."
            )
        return record.ljust(RECORD_BYTES)

    def _truncated(self) -> RequestError:
        if not self._number:
            return RequestError(
                f"{self._name} is not a USGS DEM: it has less than the {RECORD_BYTES:,} bytes of a "
                "header. Give a whole file."
            )
        size = self._file.seek(0, os.SEEK_END)
        return RequestError(
            f"{self._name} is cut off: it ends after {size:,} bytes, before its last profile does. "
            "Give a whole copy."
        )
