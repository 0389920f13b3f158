"""Read pixels from COGs, from rasters through GDAL, or from a WCS; and pictures from a WMS."""
