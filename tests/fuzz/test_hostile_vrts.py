"""Test malicious VRTs that refer to local files, which are rejected with an error message."""

from __future__ import annotations

import pytest

from hrdem.errors import SourceError
from tests.fuzz.vrts import SEEDS, attempt_vrt, taken

FAR = b"/vsicurl/http://store.invalid/mosaic/9_2-dtm.tif"


def refused(document: bytes) -> None:
    assert attempt_vrt(document) == "told"
    with pytest.raises(SourceError, match=r"\.$") as told:
        taken(document)
    assert len(str(told.value)) < 600


@pytest.mark.parametrize("name", ["sourcefilename", "SOURCEFILENAME", "SourceFileName"])
def test_an_element_that_gdal_finds_in_another_case_is_refused(name: str) -> None:
    document = SEEDS["absolute"].replace(b"SourceFilename", name.encode())
    refused(document.replace(FAR, b"/etc/passwd"))


@pytest.mark.parametrize(
    "more",
    [
        b"<SourceDataset>secret.tif</SourceDataset>",
        b"<Overview><sourcefilename>a.tif</sourcefilename></Overview>",
        b"<Input><VRTDataset/></Input>",
        b"<SourceFilename>http://store.invalid/a<Open/>/etc/passwd</SourceFilename>",
        b"<SourceFilename>http://[</SourceFilename>",
        b"<SourceFilename>http:///etc/passwd</SourceFilename>",
        b'<SourceFilename relativeToVRT="1">http://[</SourceFilename>',
        b"<SourceFilename>http://store.invalid/&#10;/etc/passwd</SourceFilename>",
        b"<SRS>/etc/passwd</SRS>",
        b'<Argument name="gain">/vsimem/a</Argument>',
        b'<OOI key="../secret">1</OOI>',
        b"<a/>file:///etc/passwd",
    ],
)
def test_nothing_but_a_source_may_lead_to_a_file(more: bytes) -> None:
    refused(SEEDS["absolute"].replace(b"<SRS>EPSG:3979</SRS>", more))


def test_elements_within_elements_are_told_before_they_are_written() -> None:
    deep = b"<SRS>" * 5_000 + b"</SRS>" * 5_000
    refused(SEEDS["absolute"].replace(b"<SRS>EPSG:3979</SRS>", deep))


def test_a_long_name_is_told_in_short() -> None:
    refused(b"<" + b"a" * 9_000 + b"/>")
    refused(SEEDS["absolute"].replace(FAR, b"x" * 9_000))
