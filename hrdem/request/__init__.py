"""The request: area, product, output grid and services, and the table of all parameters."""
