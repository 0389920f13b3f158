"""Canadian Digital Elevation Data 2.1: cells, names, header values, metadata."""
