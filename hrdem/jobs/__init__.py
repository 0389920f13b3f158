"""One module for each public verb (extract, load, preview, doctor …), and the shared executor."""
