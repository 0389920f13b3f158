"""Text formats of older DEM products: USGS DEM records, ESRI ASCII grids, world files."""
