"""The STAC catalogue: items, assets, and the lidar surveys under an area."""
