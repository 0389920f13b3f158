"""Tile large areas: one frozen plan of the whole, each tile a cut of it."""
