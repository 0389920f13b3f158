"""What can go wrong, row by row, and what the command line makes of it.

`rows.py` says it, `test_matrix.py` holds the command line to it, and
`python -m tests.faults.matrix` writes it into docs/reliability.md.
"""
