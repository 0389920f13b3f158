"""Run the tests as Windows would run them, on Linux: see docs/testing.md."""
