"""Compare random requests with an independent pipeline of GDAL's command-line tools.

Each request has a random area (a box, a shape, a circle, a map sheet, the grid of a raster),
product, collections and output grid. `hrdem extract` writes the file, and `gdal_pipeline` makes the
same from the files of the store. Differences are listed; the exit code is 1 if there are any.

    python -m benchmarks.agreement --requests 100 --seed 1
"""
