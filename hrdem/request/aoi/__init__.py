"""Areas of interest: boxes, shapes, map sheets, rasters, circles."""
