"""Heights at points: reading tables of points, ordering them by stored tile, interpolating."""
