"""A WCS 1.1.1 as a source: capabilities, chunks, GetCoverage, cached pieces."""
