"""Pictures of rasters: colour ramps, shaded relief, maps with a legend, and the terminal."""
