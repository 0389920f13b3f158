"""What hrdem costs, measured beside other readers: ``python -m benchmarks``."""
