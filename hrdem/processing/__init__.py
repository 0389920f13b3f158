"""Pixels to pixels: merge, warp, lay tiers over one another, derive products, mask, encode."""
