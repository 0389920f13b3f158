"""The parameters of pictures; as in `hrdem.request.fields`."""

from __future__ import annotations

from dataclasses import replace

from hrdem.request.convert import parse_integer
from hrdem.request.field import Field, Group
from hrdem.request.fields import LANGUAGE, OUTPUT_FILE, OVERWRITE
from hrdem.request.options import RampName

VIEW = (
    Field(
        "band",
        "Band to draw, by its number or name, such as source.",
        Group.PRODUCT,
        "BAND",
        default_text="1",
    ),
    Field(
        "ramp",
        "Colours to draw it in.",
        Group.PRODUCT,
        default_text="those of the product that the file names, else elevation",
        choices=RampName,
    ),
    replace(
        OUTPUT_FILE,
        help="PNG to write, *.png; without it the raster is drawn in the terminal.",
        required=False,
    ),
    Field(
        "size",
        "Longer edge of the map, without title and legend, 64 to 2048.",
        Group.OUTPUT,
        "PIXELS",
        1000,
        parse=parse_integer,
    ),
    Field(
        "title",
        "Title of the picture.",
        Group.OUTPUT,
        "TEXT",
        default_text="that of the product, else the name of the file",
    ),
    LANGUAGE,
    OVERWRITE,
)
