"""The output: GeoTIFF or PNG under its final name, the result, and its provenance."""
