"""Areas of interest: bounding boxes, polygons, map sheets, rasters, circles."""
