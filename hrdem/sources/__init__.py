"""What pixels are read from: COGs, rasters through GDAL, a WCS; and pictures from a WMS."""
