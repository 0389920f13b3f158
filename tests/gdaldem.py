"""Skip tests of terrain where GDAL's `gdaldem` is not installed."""

from __future__ import annotations

import shutil

import pytest

needs_gdaldem = pytest.mark.skipif(shutil.which("gdaldem") is None, reason="needs gdaldem")
