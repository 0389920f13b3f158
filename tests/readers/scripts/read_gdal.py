"""Read rasters with one GDAL library, through ctypes: LIBRARY GDAL_DATA PROJ_DATA OUT FILE..."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path

GDT_FLOAT32 = 6


def load(library: str, gdal_data: str, proj_data: str) -> ctypes.CDLL:
    if gdal_data:
        os.environ["GDAL_DATA"] = gdal_data
    if proj_data:
        os.environ["PROJ_LIB"] = os.environ["PROJ_DATA"] = proj_data
    gdal = ctypes.CDLL(library)
    for name in ("GDALOpen", "GDALGetRasterBand"):
        getattr(gdal, name).restype = ctypes.c_void_p
    for name in ("GDALGetProjectionRef", "CPLGetLastErrorMsg"):
        getattr(gdal, name).restype = ctypes.c_char_p
    gdal.GDALGetRasterNoDataValue.restype = ctypes.c_double
    gdal.GDALAllRegister()
    gdal.CPLPushErrorHandler(gdal.CPLQuietErrorHandler)
    return gdal


def read(gdal: ctypes.CDLL, path: str) -> tuple[dict[str, object], bytes]:
    dataset = ctypes.c_void_p(gdal.GDALOpen(path.encode(), 0))
    if not dataset:
        return {"error": gdal.CPLGetLastErrorMsg().decode()}, b""
    width, height = gdal.GDALGetRasterXSize(dataset), gdal.GDALGetRasterYSize(dataset)
    transform = (ctypes.c_double * 6)()
    gdal.GDALGetGeoTransform(dataset, transform)
    crs = gdal.GDALGetProjectionRef(dataset).decode()
    found = ctypes.c_int()
    pixels = b""
    for number in range(1, gdal.GDALGetRasterCount(dataset) + 1):
        band = ctypes.c_void_p(gdal.GDALGetRasterBand(dataset, number))
        nodata = gdal.GDALGetRasterNoDataValue(band, ctypes.byref(found))
        buffer = ctypes.create_string_buffer(4 * width * height)
        if gdal.GDALRasterIO(
            band, 0, 0, 0, width, height, buffer, width, height, GDT_FLOAT32, 0, 0
        ):
            return {"error": gdal.CPLGetLastErrorMsg().decode()}, b""
        pixels += buffer.raw
    gdal.GDALClose(dataset)
    left, dx, _, top, _, dy = transform
    described = {"width": width, "height": height, "left": left, "top": top, "dx": dx, "dy": -dy}
    return described | {"nodata": nodata if found else None, "crs": crs}, pixels


def main() -> None:
    library, gdal_data, proj_data, out, *paths = sys.argv[1:]
    gdal = load(library, gdal_data, proj_data)
    for path in paths:
        described, pixels = read(gdal, path)
        Path(out, Path(path).stem + ".f32").write_bytes(pixels)
        Path(out, Path(path).stem + ".json").write_text(json.dumps(described), encoding="utf-8")


main()
