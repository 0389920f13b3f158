"""Grids, coordinate reference systems, resampling kernels and distances on the ground."""
