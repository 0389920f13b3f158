"""What the STAC catalogue lists: items, assets, and the surveys under an area."""
