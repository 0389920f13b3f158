"""Pixels to pixels: merge, warp, overlay tiers, derive products, mask, encode."""
