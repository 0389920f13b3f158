"""TIFF files as bytes: headers, directories, the tile index, tiles in and out."""
