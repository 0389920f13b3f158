"""Lidar surveys under an area, from the outlines that are published beside the rasters."""
