"""The fault matrix: one row per fault, with exit code and message of the command line.

`rows.py` lists the rows, `test_matrix.py` tests them, and `python -m tests.faults.matrix` writes
them into docs/reliability.md.
"""
