#!/bin/sh
# Install the programs that are not Debian's into a folder: sh tests/readers/install.sh FOLDER
#
# Wheels of rasterio bundle a GDAL each; their libraries are unpacked, and read by ctypes. So any
# Python can use them, also those of Pythons that are gone.
set -eu
folder=$1
mkdir -p "$folder"
cd "$folder"
for each in 1.0.28:37:37m 1.2.0:38:38 1.2.10:39:39 1.3.0:39:39 1.4.3:311:311 1.4.4:311:311 \
    1.5.2:312:312; do
    rasterio=${each%%:*} abi=${each##*:} python=${each#*:}
    [ -d "gdal/$rasterio" ] && continue
    set --
    for platform in manylinux1 manylinux2010 manylinux2014 manylinux_2_17 manylinux_2_24 \
        manylinux_2_27 manylinux_2_28; do
        set -- "$@" --platform "${platform}_x86_64"
    done
    pip download --quiet --no-deps --only-binary=:all: --dest wheels \
        --python-version "${python%%:*}" --implementation cp --abi "cp$abi" "$@" "rasterio==$rasterio"
    python3 -m zipfile -e wheels/rasterio-"$rasterio"-*.whl "gdal/$rasterio"
done
for each in "tifffile tifffile imagecodecs" \
    "whitebox-tools weppcloud-wbt" "whitebox-1 whitebox-workflows<2 numpy" \
    "whitebox-2 whitebox-workflows>=2 numpy"; do
    set -- $each
    name=$1
    shift
    [ -d "venv/$name" ] || python3 -m venv "venv/$name"
    "venv/$name/bin/pip" install --quiet "$@"
done
for version in 1.0.9 2.1.3 3.0.5; do
    mkdir -p "npm/$version"
    (cd "npm/$version" && npm install --silent --no-package-lock --prefix . "geotiff@$version")
done
