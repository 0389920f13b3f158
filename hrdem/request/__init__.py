"""What was requested: the area, the product, the output grid, the service."""
