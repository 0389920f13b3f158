"""Check files of CDED 2.1 and BC Gridded DEM 2.0 against the clauses of their documents."""
