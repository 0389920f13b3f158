"""The readers that are measured, each a command that writes one window as a local GeoTIFF.

python -m benchmarks.readers.NAME URL COLUMN ROW SIZE OUTPUT [NAME=VALUE...]
"""
