"""Indexes of a job's tiles: a STAC collection, a GDAL tile index, a VRT, a table of items."""
