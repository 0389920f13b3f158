"""Test service exceptions in all their formats."""

from __future__ import annotations

import time

import pytest

from hrdem.sources.ogc_exceptions import Refusal, is_too_large, read_refusal, size_limit

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
OWS = "http://www.opengis.net/ows/1.1"
OWS2 = "http://www.opengis.net/ows/2.0"


def report(*exceptions: str, namespace: str = OWS, prefix: str = "ows:") -> str:
    declared = f"xmlns:{prefix}" if prefix else "xmlns:"
    inside = "".join(exceptions).replace("ows:", prefix)
    return (
        f'{DECLARATION}<{prefix}ExceptionReport {declared.rstrip(":")}="{namespace}" '
        f'version="1.1.0">\n{inside}</{prefix}ExceptionReport>\n'
    )


def exception(code: str, locator: str, text: str) -> str:
    about = f' locator="{locator}"' if locator else ""
    return (
        f'  <ows:Exception exceptionCode="{code}"{about}>\n'
        f"    <ows:ExceptionText>{text}</ows:ExceptionText>\n  </ows:Exception>\n"
    )


NO_COVERAGE = exception("InvalidParameterValue", "identifier", "There is no coverage 'dtn'.")


@pytest.mark.parametrize("namespace", [OWS, OWS2])
@pytest.mark.parametrize("prefix", ["ows:", "x:", ""])
def test_exception_report_with_any_prefix(namespace: str, prefix: str) -> None:
    refusal = read_refusal(report(NO_COVERAGE, namespace=namespace, prefix=prefix).encode())
    assert refusal == Refusal("InvalidParameterValue", "identifier", "There is no coverage 'dtn'.")
    assert str(refusal) == "InvalidParameterValue (identifier): There is no coverage 'dtn'."


def test_undeclared_prefix() -> None:
    """The format of live WMS exceptions; a namespace-aware parser fails on it."""
    body = (
        '<ServiceExceptionReport version="1.3.0"><ogc:ServiceException code="LayerNotDefined">'
        "Layers List(dtn) not found</ogc:ServiceException></ServiceExceptionReport>"
    )
    assert str(read_refusal(body.encode())) == "Layers List(dtn) not found"


def test_several_exceptions_are_told_in_one_line() -> None:
    body = report(NO_COVERAGE, exception("MissingParameterValue", "", "No\n  format."))
    refusal = read_refusal(body.encode())
    assert refusal == Refusal(
        "InvalidParameterValue", "identifier", "There is no coverage 'dtn'.; No format."
    )


def test_exception_without_code_or_text() -> None:
    words = read_refusal(report(exception("", "", "no such projection")).encode())
    assert words == Refusal("", "", "no such projection")
    assert str(words) == "no such projection"
    bare = '<ows:Exception exceptionCode="NoApplicableCode" locator="request"/>'
    refusal = read_refusal(report(bare).encode())
    assert str(refusal) == "NoApplicableCode (request)"
    assert read_refusal(report().encode()) == Refusal("", "", "")


def test_service_exceptions() -> None:
    wms = (
        f'{DECLARATION}<ServiceExceptionReport version="1.3.0" xmlns="http://www.opengis.net/ogc">'
        '<ServiceException code="LayerNotDefined" locator="layers">dtn?</ServiceException>'
        "</ServiceExceptionReport>"
    )
    assert read_refusal(wms.encode()) == Refusal("LayerNotDefined", "layers", "dtn?")
    plain = (
        "<!DOCTYPE ServiceExceptionReport SYSTEM 'http://service.invalid/exception.dtd'>"
        "<ServiceExceptionReport><ServiceException>\n<![CDATA[a < b]]>\n</ServiceException>"
        "</ServiceExceptionReport>"
    )
    assert read_refusal(plain.encode()) == Refusal("", "", "a < b")


def test_a_report_that_is_printed_twice_counts_once() -> None:
    again = report('<ows:Exception exceptionCode="Other" locator="request"/>', namespace=OWS2)
    gateway = "Status: 400 Bad Request\r\nContent-Type: text/xml\r\n\r\n"
    refusal = read_refusal((report(NO_COVERAGE) + gateway + again).encode())
    assert refusal == read_refusal(report(NO_COVERAGE).encode())


def test_a_report_that_is_cut_off_says_what_came() -> None:
    body = report(NO_COVERAGE)
    refusal = read_refusal(body[: body.index("'dtn'")].encode())
    assert refusal == Refusal("InvalidParameterValue", "identifier", "There is no coverage")
    long = report(exception("NoApplicableCode", "", "at the end of memory " * 10_000)).encode()
    assert str(read_refusal(long)).startswith("NoApplicableCode: at the end of memory at")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("Missing parameter 'x'; Unsupported format: 'y'\n", None),
        ("layer does not exist", None),
        ("null", None),
        ("\ufeff  \r\n two\n   lines\t", "two lines"),
        (
            "geo.RangeError: xmin > xmax\n\tat geo.Extent.<init>(Extent.scala)\n\tat A.b(A)\n",
            "geo.RangeError: xmin > xmax",
        ),
        ('{"detail": "layer does not exist"}', "layer does not exist"),
        ('{"code": "E", "description": "no"}', "no"),
        ('{"detail": ["a"]}', '{"detail": ["a"]}'),
        ('{"detail": "cut o', '{"detail": "cut o'),
        ('{"a":' * 3_000, None),
    ],
)
def test_plain_text(body: str, said: str | None) -> None:
    refusal = read_refusal(body.encode())
    assert refusal is not None
    assert refusal.text[:150] == (body.strip() if said is None else said)[:150]


def test_text_in_an_old_encoding_keeps_its_letters() -> None:
    refusal = read_refusal("La requête a échoué".encode("cp1252"))
    assert refusal == Refusal("", "", "La requête a échoué")
    cut = read_refusal("é".encode() * 20_000 + b"x")
    assert cut is not None
    assert set(cut.text) == {"é", "…"}


@pytest.mark.parametrize(
    "body",
    [
        "<html>\n<head><title>504 Gateway\n Time-out</title></head><body>no</body>",
        "<!DOCTYPE html><HTML><TITLE lang=en>504 Gateway Time-out</TITLE><br><p>no",
        "<html><script>a<b</script><body><h1>504&nbsp;Gateway</h1><p>Time-out",
        "<html><title></title><body>504 Gateway Time-out</body></html>",
        "<h1>504 Gateway Time-out</h1>",
        '<html xmlns="http://www.w3.org/1999/xhtml"><body>504 Gateway Time-out</body></html>',
        "<Error><Code>504</Code><Message>Gateway Time-out</Message></Error>",
    ],
)
def test_html_page(body: str) -> None:
    assert read_refusal(body.encode()) == Refusal("", "", "504 Gateway Time-out")


def test_a_page_without_words_is_shown_as_it_is() -> None:
    assert str(read_refusal(b"<html><body/></html>\n")) == "<html><body/></html>"


@pytest.mark.parametrize("body", [b"", b"\r\n \n", b"\xef\xbb\xbf"])
def test_empty_body(body: bytes) -> None:
    refusal = read_refusal(body)
    assert refusal == Refusal("", "", "")
    assert str(refusal) == "an empty response"


@pytest.mark.parametrize(
    "body",
    [
        b"II*\0\x08\0\0\0",
        b"MM\0+\0\x08\0\0",
        b"\x89PNG\r\n\x1a\n",
        b"\r\n--wcs\r\nContent-Type: text/xml\r\n\r\n<x/>",
        b'<?xml version="1.0"?><Capabilities xmlns="http://www.opengis.net/wcs/1.1"><a/>',
        b'<wcs:Coverages xmlns:wcs="http://www.opengis.net/wcs/1.1"/>',
    ],
)
def test_other_content_is_no_refusal(body: bytes) -> None:
    assert read_refusal(body) is None


def test_entities_are_neither_expanded_nor_loaded() -> None:
    secret = "/etc/hostname"
    for declared in ('"boom"', f'SYSTEM "file://{secret}"'):
        body = f"<!DOCTYPE r [<!ENTITY x {declared}>]>" + report(
            exception("Code", "", "said &x; said")
        ).removeprefix(DECLARATION)
        refusal = read_refusal(body.encode())
        assert refusal is not None
        assert "said &x; said" in refusal.text
        assert refusal.code == ""


def test_unknown_encoding() -> None:
    """An unknown encoding is not an error."""
    body = report(NO_COVERAGE).replace("UTF-8", "UTF-9")
    refusal = read_refusal(body.encode())
    assert refusal is not None
    assert "There is no coverage 'dtn'." in refusal.text


def test_a_message_is_one_short_printable_line() -> None:
    body = report(exception("C\x85" + "o" * 900, "l&#10;" * 900, "a\u202eb " * 5_000))
    refusal = read_refusal(body.encode())
    assert refusal is not None
    for text in (str(refusal), refusal.code, refusal.locator, refusal.text):
        assert text.isprintable()
    assert len(str(refusal)) <= 200
    assert len(refusal.text) <= 1000


@pytest.mark.parametrize(
    "unit", [b"<", b"<a>", b"<script>", b"<title>", b"<!--", b"<x ", b"\n at a", b"<a b='", b"&"]
)
def test_hostile_bodies_take_little_time(unit: bytes) -> None:
    begun = time.thread_time()
    for body in (unit * 1_000_000, b"<html>" + unit * 1_000_000):
        read_refusal(body)
    assert time.thread_time() - begun < 2


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("Raster size out of range, width and height must be no more than MAXSIZE=8192.", 8192),
        ("no more than MAXSIZE = 512", 512),
        ("width and height of the coverage must be no more than MAXSIZE", None),
        ("MAXSIZE=0", None),
        ("MAXSIZE=99999999999", None),
        ("This asks for too much data, the limit is 10MB but it would be 86MB", None),
        ("The request is too large.", None),
        ("Requested image too big", None),
        ("413 Request Entity Too Large", None),
        ("The size of the image exceeds the maximum allowed", None),
        ("Number of pixels exceeded a limit", None),
    ],
)
def test_too_large_is_recognized(text: str, limit: int | None) -> None:
    refusal = Refusal("InvalidParameterValue", "", text)
    assert is_too_large(refusal)
    assert size_limit(refusal) == limit


@pytest.mark.parametrize(
    "text",
    [
        "",
        "layer does not exist",
        "502 Bad Gateway",
        "414 Request-URI Too Large",
        "Requested BBOX is outside requested coverage BBOX",
        "The box exceeds the extent of the coverage",
        "Unsupported format: 'image/tiff'",
        "Number of requests exceeds the maximum of your account",
    ],
)
def test_other_words_do_not_mean_too_large(text: str) -> None:
    assert not is_too_large(Refusal("NoApplicableCode", "", text))
    assert size_limit(Refusal("NoApplicableCode", "", text)) is None


def test_secrets_are_redacted() -> None:
    said = read_refusal(b"No layer at http://me:hush@h/ows?token=hush&map=a here")
    assert str(said) == "No layer at http://h/ows?token=REDACTED&map=a here"
