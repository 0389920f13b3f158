"""Headers of files that GDAL wrote: what rasterio reads from them, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import rasterio
import rasterio.shutil
import tifffile
from affine import Affine

from hrdem.errors import SourceError
from hrdem.geo.grid import Window
from hrdem.tiff.header import Header, IndexArray, read_header
from tests.fuzz.crafted import ASCII, DOUBLE, GHOST, LONG, SHORT, Tags, image, tiff


def write(path: Path, point: bool = False, **options: Any) -> bytes:
    """Write an empty tiled GeoTIFF of 100 by 70 pixels of 2 m by 4 m."""
    profile = {
        "driver": "GTiff", "width": 100, "height": 70, "count": 1, "dtype": "float32",
        "crs": "EPSG:3979", "transform": Affine(2, 0, 1_500_000, 0, -4, -160_000),
        "tiled": True, "blockxsize": 32, "blockysize": 16, "SPARSE_OK": True, **options,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as dataset:
        if point:
            dataset.update_tags(AREA_OR_POINT="Point")
    return path.read_bytes()


def read(content: bytes) -> Header:
    return read_header(lambda start, stop: content[start:stop], len(content), "a.tif")


@pytest.mark.parametrize("point", [False, True])
def test_tie_points_of_pixel_centres_and_corners(tmp_path: Path, point: bool) -> None:
    """Half a pixel in the wrong direction shifts heights by a whole one."""
    header = read(write(tmp_path / "a.tif", point=point))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        tie = file.pages.first.tags["ModelTiepointTag"].value
    assert tie[3:5] == ((1_500_001, -160_002) if point else (1_500_000, -160_000))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert header.grid.transform == dataset.transform
        assert header.grid.bounds == dataset.bounds == (1_500_000, -160_280, 1_500_200, -160_000)


def craft(path: Path, *without: int, ghost: bytes = b"", **tags: Any) -> bytes:
    """Write a hand-made file of 16 by 16 pixels, with other tags or without some."""
    directory: Tags = {tag: value for tag, value in image(**tags).items() if tag not in without}
    path.write_bytes(tiff(directory, ghost=ghost))
    return path.read_bytes()


def make_keys(*keys: tuple[int, int, int, int]) -> tuple[int, tuple[int, ...]]:
    """Return a tag of GeoKeys: key, where its value is, how many, value."""
    return SHORT, (1, 1, 0, len(keys), *(number for key in keys for number in key))


MATRIX = (2, 0, 0, 1_500_000, 0, -4, 0, -160_000, 0, 0, 1, 0, 0, 0, 0, 1)
AREA, POINT = (1025, 0, 1, 1), (1025, 0, 1, 2)
PROJECTED = ((1024, 0, 1, 1), (3072, 0, 1, 3979))
GEOGRAPHIC = ((1024, 0, 1, 2), (2048, 0, 1, 4617))


@pytest.mark.parametrize(
    ("without", "tags"),
    [
        ((), {}),
        (
            (),
            {"t33550": (DOUBLE, (2, 4, 7)), "t33922": (DOUBLE, (3, 5, 9, 1_500_000, -160_000, 8))},
        ),
        ((33550, 33922), {"t34264": (DOUBLE, MATRIX)}),
        ((33550, 33922), {"t34264": (DOUBLE, MATRIX), "t34735": make_keys(*PROJECTED, POINT)}),
        ((), {"t34735": make_keys(*PROJECTED, POINT)}),
        ((), {"t34735": make_keys(*PROJECTED)}),
        (
            (),
            {
                "t34735": make_keys(*GEOGRAPHIC, AREA),
                "t33550": (DOUBLE, (0.5, 0.25, 0)),
                "t33922": (DOUBLE, (0, 0, 0, -76, 46, 0)),
            },
        ),
    ],
    ids=["plain", "tie inside", "matrix", "matrix of points", "points", "no type", "degrees"],
)
def test_grid_is_the_one_that_rasterio_reads(
    tmp_path: Path, without: tuple[int, ...], tags: dict[str, Any]
) -> None:
    """Tie point, matrix, points and areas, metres and degrees."""
    header = read(craft(tmp_path / "a.tif", *without, **tags))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert header.grid.transform == dataset.transform
        assert header.grid.crs == dataset.crs.to_string()
        assert (header.grid.width, header.grid.height) == (dataset.width, dataset.height)


def test_a_key_whose_value_stands_elsewhere_is_not_taken(tmp_path: Path) -> None:
    """Its number is then an index into another tag."""
    keys = make_keys((1024, 0, 1, 1), (3072, 34736, 1, 2961), (3072, 0, 1, 3979))
    assert read(craft(tmp_path / "a.tif", t34735=keys)).grid.crs == "EPSG:3979"


@pytest.mark.parametrize(
    ("without", "tags", "message"),
    [
        ((), {"t317": (SHORT, (4,))}, "its predictor is number 4"),
        ((), {"t266": (SHORT, (2,))}, "its FillOrder is not 1"),
        ((), {"t277": (SHORT, (3,))}, "3 bands"),
        ((322,), {}, "in strips"),
        ((), {"t322": (SHORT, (15,))}, "16 x 16 pixels in tiles of 15 x 16"),
        ((), {"t323": (SHORT, (2049,))}, "16 x 16 pixels in tiles of 16 x 2049"),
        ((), {"t256": (LONG, (0,))}, "0 x 16 pixels"),
        ((), {"t257": (LONG, (0,))}, "16 x 0 pixels"),
        ((), {"t258": (SHORT, (16,))}, "its pixels have 16 bits of kind 3"),
        ((33922,), {}, "no georeferencing, or a rotated one"),
        ((33550, 33922), {"t34264": (DOUBLE, (*MATRIX[:1], 1, *MATRIX[2:]))}, "a rotated one"),
        ((33550, 33922), {"t34264": (DOUBLE, (*MATRIX[:4], 1, *MATRIX[5:]))}, "a rotated one"),
        ((33550, 33922), {"t34264": (DOUBLE, MATRIX[:12])}, "a rotated one"),
        ((), {"t33550": (DOUBLE, (2, -2, 0))}, "2 x -2 are not north-up"),
        ((), {"t33550": (DOUBLE, (-2, 2, 0))}, "-2 x 2 are not north-up"),
        ((), {"t34735": make_keys((1024, 0, 1, 1), (2048, 0, 1, 4617))}, "no EPSG code"),
        ((), {"t34735": make_keys((1024, 0, 1, 1), (3072, 0, 1, 32_767))}, "no EPSG code"),
        ((), {"t34735": make_keys((1024, 0, 1, 3), (3072, 0, 1, 4978))}, "no EPSG code"),
        ((), {"t42113": (ASCII, b"-32767m\0")}, "its nodata value is '-32767m'"),
        ((), {"t42113": (ASCII, b"-3,4e+38\0")}, r"nodata value is '-3,4e\+38'"),
    ],
)
def test_what_could_be_misread_is_refused(
    tmp_path: Path, without: tuple[int, ...], tags: dict[str, Any], message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        read(craft(tmp_path / "a.tif", *without, **tags))


def test_units_of_heights_are_named(tmp_path: Path) -> None:
    """GeoKeys of the vertical CRS and its unit, or what GDAL's metadata say."""
    metre = (4099, 0, 1, 9001)
    for keys, unit, vertical in (
        ((), "", ""),
        ((metre, (4096, 0, 1, 6647)), "metre", "EPSG:6647"),
        (((4099, 0, 1, 9002),), "foot", ""),
        (((4099, 0, 1, 9003),), "US survey foot", ""),
        (((4099, 0, 1, 1051),), "EPSG:1051", ""),
    ):
        band = read(craft(tmp_path / "a.tif", t34735=make_keys(*PROJECTED, *keys))).band
        assert (band.unit, band.vertical_crs) == (unit, vertical)
    text = (
        b'<GDALMetadata><Item name="UNITTYPE" sample="0" role="unittype">ft</Item></GDALMetadata>\0'
    )
    keys = make_keys(*PROJECTED, metre)
    assert read(craft(tmp_path / "a.tif", t34735=keys, t42112=(ASCII, text))).band.unit == "ft"


def test_colours_of_the_band_are_noted(tmp_path: Path) -> None:
    for photometric, palette, inverted in ((0, False, True), (1, False, False), (3, True, False)):
        band = read(craft(tmp_path / "a.tif", t262=(SHORT, (photometric,)))).band
        assert (band.has_palette, band.is_inverted) == (palette, inverted)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"BLOCK_LEADER=SIZE_AS_UINT4", b"BLOCK_LEADER=SIZE_AS_UINT8"),
        (b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED", b"BLOCK_TRAILER=NONE"),
        (b"EDITION=NO", b"EDITION=YES"),
    ],
)
def test_guards_are_expected_where_the_file_declares_both(
    tmp_path: Path, old: bytes, new: bytes
) -> None:
    assert read(craft(tmp_path / "a.tif", ghost=GHOST)).has_guards
    assert not read(craft(tmp_path / "a.tif", ghost=GHOST.replace(old, new))).has_guards
    assert not read(craft(tmp_path / "a.tif")).has_guards


def test_tiles_under_a_window(tmp_path: Path) -> None:
    """Tiles of 32 by 16 pixels."""
    (level,) = read(write(tmp_path / "a.tif")).levels
    assert (level.columns, level.rows) == (4, 5)
    assert (level.offsets.count, level.counts.count) == (20, 20)
    assert level.tiles_under(Window(31, 15, 2, 2)) == Window(0, 0, 2, 2)
    assert level.tiles_under(Window(32, 16, 32, 16)) == Window(1, 1, 1, 1)
    assert level.tiles_under(Window(63, 31, 34, 34)) == Window(1, 1, 3, 4)


def test_index_values_have_the_size_of_their_type() -> None:
    assert IndexArray(100, 9, "<u2").span(3, 5) == (106, 110)
    assert IndexArray(100, 9, ">u8").span(3, 5) == (124, 140)


def test_overviews_are_sorted_from_fine_to_coarse(tmp_path: Path) -> None:
    """Whatever their order in the file; a mask is no overview."""

    def make(width: int, kind: int, bits: int = 32) -> Tags:
        sizes = {"t256": (LONG, (width,)), "t257": (LONG, (width,)), "t254": (LONG, (kind,))}
        return image(**sizes, t258=(SHORT, (bits,)))

    content = tiff(make(16, 0), make(4, 1), make(9, 1), make(16, 4, bits=8), make(12, 0))
    header = read(content)
    assert [level.width for level in header.levels] == [16, 9, 4]
    assert header.band.is_masked
    assert not read(tiff(make(16, 0), make(4, 1))).band.is_masked
    with pytest.raises(SourceError, match="another pixel type"):
        read(tiff(make(16, 0), image(t254=(LONG, (1,)), t258=(SHORT, (64,)))))
    with pytest.raises(SourceError, match="3 bands instead of one"):
        read(tiff(make(16, 0), image(t254=(LONG, (1,)), t277=(SHORT, (3,)))))
    with pytest.raises(SourceError, match="larger than the image"):
        read(tiff(make(8, 0), make(9, 1)))
    with pytest.raises(SourceError, match="has no image"):
        read(tiff(make(16, 4)))


def test_tags_that_may_be_left_out_have_their_defaults(tmp_path: Path) -> None:
    """One band of unsigned numbers, without compression and predictor (TIFF 6.0, section 8)."""
    header = read(craft(tmp_path / "a.tif", 259, 277, 339, 42113, t258=(SHORT, (8,))))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert header.band.stored_dtype == dataset.dtypes[0] == "uint8"
        assert header.band.stored_nodata is dataset.nodata is None
        assert (dataset.count, dataset.compression) == (1, None)
    (level,) = header.levels
    assert (level.compression, level.predictor, level.lerc) == (1, 1, None)


def test_every_pixel_type_of_gdal_has_its_name(tmp_path: Path) -> None:
    for dtype in (
        "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
        "float32", "float64",
    ):  # fmt: skip
        assert read(write(tmp_path / "a.tif", dtype=dtype)).band.stored_dtype == dtype


def test_a_file_of_one_pixel_is_read(tmp_path: Path) -> None:
    header = read(write(tmp_path / "a.tif", width=1, height=1))
    assert (header.grid.width, header.grid.height) == (1, 1)
    (level,) = header.levels
    assert (level.columns, level.rows) == (1, 1)


@pytest.mark.parametrize("endianness", ["LITTLE", "BIG"])
@pytest.mark.parametrize("big", ["NO", "YES"])
def test_guards_are_found_in_every_form_of_tiff(tmp_path: Path, big: str, endianness: str) -> None:
    """The text that declares them starts behind the header, of 8 or of 16 bytes."""
    write(tmp_path / "a.tif", SPARSE_OK=False)
    options = {"COPY_SRC_OVERVIEWS": "YES", "TILED": "YES", "BIGTIFF": big}
    rasterio.shutil.copy(
        tmp_path / "a.tif", tmp_path / "b.tif", driver="GTiff", ENDIANNESS=endianness, **options
    )
    content = (tmp_path / "b.tif").read_bytes()
    header = read(content)
    assert header.has_guards
    with rasterio.open(tmp_path / "b.tif") as dataset:
        offset, size = (
            int(dataset.get_tag_item(f"BLOCK_{name}_0_0", "TIFF", 1)) for name in ("OFFSET", "SIZE")
        )
    assert int.from_bytes(content[offset - 4 : offset], "little") == size
    assert not read(write(tmp_path / "a.tif", BIGTIFF=big, ENDIANNESS=endianness)).has_guards
