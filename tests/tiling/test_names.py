"""Names of tiles from attribute values."""

from __future__ import annotations

import logging

import pytest

from hrdem.tiling.names import name_tiles


def name(*values: object) -> list[str]:
    return name_tiles(values, [str(number) for number in range(len(values))], "basins", "NAME")


@pytest.mark.parametrize("value", ["Rivière-à-la-Pêche", "ᐃᖃᓗᐃᑦ", "मुंबई", "Ђурђевдан", "湖_2.1"])
def test_letters_of_all_alphabets_are_kept(value: str) -> None:
    assert name(value) == [value]


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("Mud  Creek ", "Mud_Creek"),
        ("A/B\\C", "A_B_C"),
        ("../../etc/passwd", "etc_passwd"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("Con.2", "_Con.2"),
        ('a:b|c?"<d>*', "a_b_c_d"),
        ("Don (East)", "Don_East"),
        ("line\nfeed", "line_feed"),
        ("Pe\u0302che", "Pêche"),
        ("Don.Source", "Don_Source"),  # else its raster would be the layer of Don
        (12.0, "12"),
        (7, "7"),
    ],
)
def test_a_name_is_valid_on_every_system(value: object, made: str) -> None:
    assert name(value) == [made]


def test_a_changed_name_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    name("A/B", "Mud Creek", "aux")
    (record,) = caplog.records
    assert "'A/B' to A_B, 'aux' to _aux" in record.getMessage()


def test_names_that_are_one_file_on_some_system_get_the_ids(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = name("Mud Creek", "Don", "MUD CREEK", "mud_creek-0", "É", "e\u0301")
    assert made == ["Mud_Creek-0-0", "Don", "MUD_CREEK-2", "mud_creek-0-3", "É-4", "é-5"]
    assert "as Mud_Creek-0-0: Mud_Creek, MUD_CREEK, mud_creek-0 and 2 more" in caplog.text


def test_a_feature_without_a_name_is_named_by_its_id(caplog: pytest.LogCaptureFixture) -> None:
    assert name("Don", None, " ", "///") == ["Don", "basins-1", "basins-2", "basins-3"]
    assert "without a value of NAME" in caplog.text


def test_nothing_is_reported_of_names_that_nobody_requested(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    assert name_tiles([None, None], ["4", "9"], "Sous-bassins", None) == [
        "Sous-bassins-4",
        "Sous-bassins-9",
    ]
    assert not caplog.records


def test_a_long_name_leaves_room_for_suffixes() -> None:
    first, second = name("é" * 300, "é" * 300)
    assert first != second
    assert len(f".{first}.stac.json.partial-0123456789".encode()) < 255
