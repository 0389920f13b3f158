"""TIFF files as bytes: headers, directories, tile indexes, decoding and encoding of tiles."""
