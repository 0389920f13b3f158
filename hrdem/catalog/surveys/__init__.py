"""Lidar surveys under an area, from the coverage files that items link to."""
