"""The words in a picture, in English and French."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hrdem.output.provenance import ATTRIBUTION
from hrdem.pictures.ramps import DIFFERENCE, Ramp, Scale
from hrdem.pictures.read_raster import Raster
from hrdem.request.options import Language
from hrdem.request.products import PRODUCTS, Product, Theme

NARROW_SPACE = "\N{NO-BREAK SPACE}"  # between thousands, in French

MAX_PLAIN_NUMBER = 1e7


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a language.

    Attributes:
        captions: What the values of a ramp are, by its name; that of classes by ``classes``.
        surfaces: Titles of products that are heights, by name.
        themes: Titles of what is derived from them, with a place for the surface.
        sources: Title of a band of sources, with a place for that of the product.
        difference: Title of a difference, with places for what is subtracted from and what is.
        empty: Legend of pixels without data.
        level: Legend of level ground, which has no aspect.
        edges: Legend of edges between collections.
        pixels: Size of pixels, with places for number and unit.
        above: Vertical datum of heights, with a place for its name.
        directions: North, east, south, west and north, in short.
        valid: Share of pixels with data, with a place for it.
        distance: Distance along a profile, with a place for the unit.
        exaggeration: Vertical exaggeration of a profile, with a place for it.
        gaps: What stretches of a profile without data look like.
        attribution: What the licence of the data requires.
    """

    captions: dict[str, str]
    surfaces: dict[str, str]
    themes: dict[Theme, str]
    sources: str
    difference: str
    empty: str
    level: str
    edges: str
    pixels: str
    above: str
    directions: str
    valid: str
    distance: str
    exaggeration: str
    gaps: str
    attribution: str


_ENGLISH = Words(
    captions={
        "elevation": "Height",
        "hillshade": "Brightness",
        "slope": "Slope",
        "aspect": "Aspect: downhill direction",
        "chm": "Height above ground",
        "difference": "Difference",
        "classes": "Source",
    },
    surfaces={name: product.title for name, product in PRODUCTS.items()},
    themes={},
    sources="Sources: {}",
    difference="Difference: {} minus {}",
    empty="No data",
    level="Level ground",
    edges="Edge between collections",
    pixels="Pixels of {} {}",
    above="above {}",
    directions="NESWN",
    valid="{} % with data",
    distance="Distance on the ground ({})",
    exaggeration="vertical exaggeration {}×",
    gaps="grey: no data",
    attribution=ATTRIBUTION,
)
_FRENCH = Words(
    captions={
        "elevation": "Altitude",
        "hillshade": "Luminosité",
        "slope": "Pente",
        "aspect": "Orientation : direction de la descente",
        "chm": "Hauteur au-dessus du sol",
        "difference": "Différence",
        "classes": "Source",
    },
    surfaces={
        "dtm": "Modèle numérique de terrain : sol nu",
        "dsm": "Modèle numérique de surface : avec arbres et bâtiments",
        "chm": "Modèle de hauteur de la canopée : surface au-dessus du sol nu",
    },
    themes={
        Theme.HILLSHADE: "Ombrage du {}",
        Theme.SLOPE: "Pente du {}",
        Theme.ASPECT: "Orientation du {}",
    },
    sources="Sources : {}",
    difference="Différence : {} moins {}",
    empty="Aucune donnée",
    level="Terrain plat",
    edges="Limite entre collections",
    pixels="Pixels de {} {}",
    above="au-dessus du {}",
    directions="NESON",
    valid="{} % avec données",
    distance="Distance au sol ({})",
    exaggeration="exagération verticale {}×",
    gaps="gris : aucune donnée",
    attribution=(
        "Contient des informations visées par la Licence du gouvernement ouvert – Canada."
    ),
)
WORDS = {Language.EN: _ENGLISH, Language.FR: _FRENCH}


def format_number(value: float, language: Language, digits: int = 0) -> str:
    """Format a number: 1,234.5 in English, 1 234,5 in French; with an exponent from ten million."""
    text = f"{value:,.{digits}f}" if abs(value) < MAX_PLAIN_NUMBER else f"{value:.3g}"
    if language is Language.EN:
        return text
    return text.replace(",", NARROW_SPACE).replace(".", ",")


def count_digits(step: float) -> int:
    """Return how many digits after the decimal point multiples of a step need."""
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return digits + int(step * 10**digits % 1 > 1e-6)  # 2.5


def make_title(raster: Raster, language: Language) -> str:
    """Make a title: that of the product or the difference, or else the name of the file."""
    product, words = PRODUCTS.get(raster.product), WORDS[language]
    if raster.operands:
        return words.difference.format(*raster.operands)
    if product is None:
        is_difference = raster.ramp is not None and raster.ramp.name == DIFFERENCE.name
        name = raster.path.name
        return f"{words.captions[DIFFERENCE.name]} · {name}" if is_difference else name
    title = name_product(product, language)
    return title if raster.ramp else words.sources.format(title)


def name_product(product: Product, language: Language) -> str:
    """Return the title of a product."""
    words = WORDS[language]
    if product.name in words.surfaces:
        return words.surfaces[product.name]
    surface = words.surfaces[product.surfaces[0]]
    return words.themes[product.theme].format(surface[0].lower() + surface[1:])


def make_caption(raster: Raster, language: Language) -> str:
    """Make the caption of a legend: what the values are, with datum and unit."""
    ramp = raster.ramp
    if ramp is None:
        return WORDS[language].captions["classes"]
    unit = "" if ramp.scale is Scale.CYCLIC else ramp.unit
    return describe_values(ramp, raster.vertical_datum, unit, language)


def describe_values(ramp: Ramp, vertical_datum: str, unit: str, language: Language) -> str:
    """Describe what values are, with datum and unit; either may be empty."""
    words = WORDS[language]
    text = words.captions[ramp.name]
    if vertical_datum:
        text += f" {words.above.format(vertical_datum)}"
    return f"{text} ({unit})" if unit else text


def make_tick(value: float, ramp: Ramp, language: Language, digits: int) -> str:
    """Make the label of a value: a direction of aspects, or else a number."""
    if ramp.scale is Scale.CYCLIC:
        return WORDS[language].directions[round(value / 90)]
    return format_number(value, language, digits)
