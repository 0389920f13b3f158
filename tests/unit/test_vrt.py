"""Published VRTs that are none."""

from __future__ import annotations

import pytest

from hrdem.errors import SourceError
from hrdem.sources.vrt import parse_vrt


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<VRTDataset>",
        b"<html/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><VRTDataset/>',
        b'<?xml version="1.0" encoding="UTF-9"?><VRTDataset/>',
    ],
)
def test_what_is_no_vrt_is_told_in_a_sentence(document: bytes) -> None:
    with pytest.raises(SourceError, match=r"^http://store\.invalid/a\.vrt is not a VRT: .*\.$"):
        parse_vrt(document, "http://store.invalid/a.vrt")
