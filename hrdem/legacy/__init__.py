"""The older Canadian DEM products: cells of CDED, BC's set of files, water, delivery, checking."""
