"""Vertical datums: compound CRSs, and the published grid of differences between two datums."""
