"""File names derived from untrusted text."""

from __future__ import annotations

import pytest

from hrdem.output.paths import make_file_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("9_2-mosaic-1m-dtm.vrt", "9_2-mosaic-1m-dtm.vrt"),
        ("TILE.VRT", "TILE.vrt"),
        ("..\\..\\evil.vrt", "evil.vrt"),
        ("../../etc/passwd", "etc_passwd.vrt"),
        (".bashrc", "bashrc.vrt"),
        (".vrt", "file.vrt"),
        ("", "file.vrt"),
        ("..", "file.vrt"),
        ("-rf", "rf.vrt"),
        ("a\x00b\x1b[2Jc\n.vrt", "a_b__2Jc.vrt"),
        ("CON", "_CON.vrt"),
        ("nul.tar.vrt", "_nul.tar.vrt"),
        ("com1.vrt", "_com1.vrt"),
        ("C:x.vrt", "C_x.vrt"),
        ("a. .vrt", "a.vrt"),
        ("évil\u202e.vrt", "vil.vrt"),
        ("x" * 300, "x" * 100 + ".vrt"),
    ],
)
def test_file_names_are_safe_on_any_system(text: str, name: str) -> None:
    assert make_file_name(text, ".vrt") == name
