"""Draw pictures of the demonstration: terrain, holes, a strip, each product, and nothing.

python examples/draw_pictures.py FOLDER [--size 420]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import rasterio

import hrdem
from hrdem.demo import running

TERRAIN = (-75.72, 45.41, -75.70, 45.425)
HOLE = (1_508_700, -168_600, 1_510_700, -166_600)  # EPSG:3979, as the strip
STRIP = (1_508_300, -172_300, 1_513_300, -171_800)


def empty(source: Path, output: Path) -> Path:
    """Write a copy of a raster that has no data."""
    with rasterio.open(source) as dataset:
        profile, tags = dataset.profile | {"count": 1}, dataset.tags()
    with rasterio.open(output, "w", **profile) as dataset:
        dataset.update_tags(**tags)
    return output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=420, help="longer edge, pixels")
    arguments = parser.parse_args()
    folder, size = arguments.folder, arguments.size
    folder.mkdir(parents=True, exist_ok=True)

    def extract(name: str, **request: object) -> Path:
        output = folder / f"{name}.tif"
        hrdem.extract(**request, **addresses, output=output, overwrite=True)
        return output

    def draw(name: str, source: Path, **look: object) -> None:
        output = folder / f"view-{name}.png"
        hrdem.view(source, output=output, size=size, overwrite=True, **look)
        print(output)

    with running() as service:
        addresses = {"stac_url": service.by_option["stac_url"], "no_cache": True}
        for product in ("dtm", "dtm-slope", "dtm-aspect", "dtm-hillshade", "chm"):
            draw(product, extract(product, bbox=TERRAIN, product=product, resolution=4))
        projected = {"bbox_crs": "EPSG:3979", "resolution": 4}
        holed = extract("hole", bbox=HOLE, product="dtm", fill="2m", source_band=True, **projected)
        draw("hole", holed)
        draw("sources", holed.with_suffix(".source.tif"), language="fr")
        strip = extract("strip", bbox=STRIP, product="dsm", **projected)
        draw("strip", strip, language="fr")
    draw("empty", empty(folder / "dtm.tif", folder / "empty.tif"))


if __name__ == "__main__":
    main()
