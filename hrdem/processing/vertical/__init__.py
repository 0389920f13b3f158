"""Vertical datums: the compound CRS, and the published grid of differences between two."""
