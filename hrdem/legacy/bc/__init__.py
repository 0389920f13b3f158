"""British Columbia's Gridded DEM 2.0: 26 files for each NTS 250K block, in two projections."""
