"""Lidar surveys under an area, read from the coverage files that items link to."""
