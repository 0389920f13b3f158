"""Cloud-optimised GeoTIFFs: their directories, their tile index, their tiles."""
