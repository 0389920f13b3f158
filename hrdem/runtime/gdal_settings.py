"""The settings of GDAL and PROJ that could change a pixel, a shape or a CRS, with their reasons.

GDAL takes settings from environment variables, from files (GDAL_CONFIG_FILE, ``~/.gdal/gdalrc``)
and from the program around it, and PROJ takes them from environment variables. The lists follow
GDAL's own list of all its settings (``port/cpl_known_config_options.h``) and cover what is used
here: reading any raster's grid and any vector file, decoding TIFF and PNG, VRTs, warping, writing
GeoTIFFs and COGs, and transforming coordinates. Settings of the network are the user's: proxies,
certificates, credentials, timeouts of other programs.
"""

from __future__ import annotations

#: GDAL's block cache while a call runs: small, as reads end at block boundaries
GDAL_CACHE_BYTES = 16 << 20

#: Settings with the value that they get, mostly that of GDAL without them, and what another would
#: do.
PINNED: dict[str, tuple[str, str]] = {
    # decoding
    "GTIFF_IGNORE_READ_ERRORS": ("NO", "blocks that cannot be decoded become 0"),
    "GTIFF_DIRECT_IO": ("NO", "another way to read blocks, without its checks"),
    "GTIFF_VIRTUAL_MEM_IO": ("NO", "another way to read blocks, without its checks"),
    "GTIFF_USE_MMAP": ("NO", "a file that shrinks while it is read ends the process"),
    "GTIFF_FORCE_RGBA": ("NO", "pixels become colours"),
    "GTIFF_IMPLICIT_JPEG_OVR": ("NO", "other overviews are found"),
    "GDAL_ENABLE_TIFF_SPLIT": ("YES", "other blocks"),
    "TIFF_READ_STREAMING": ("NO", "files are read as streams"),
    "CONVERT_YCBCR_TO_RGB": ("YES", "pixels become other colours"),
    "GDAL_TIFF_INTERNAL_MASK_TO_8BIT": ("YES", "masks have other values"),
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": ("NO", "truncated pictures are accepted"),
    "GDAL_PNG_SINGLE_BLOCK": ("NO", "pictures are decoded in one piece"),
    "GDAL_RASTERIO_RESAMPLING": ("NEAREST", "reduced reads are interpolated"),
    "GDAL_NO_COSTLY_OVERVIEW": ("NO", "reduced reads use other overviews"),
    "GDAL_MAX_BAND_COUNT": ("65536", "rasters with several bands are refused"),
    "GDAL_FORCE_CACHING": ("NO", "another way to read blocks"),
    "GDAL_BAND_BLOCK_CACHE": ("AUTO", "another block cache"),
    "GDAL_CACHEMAX": (str(GDAL_CACHE_BYTES), "memory beyond `max_memory`, or no cache"),
    "GDAL_NUM_THREADS": ("1", "threads and memory beyond the limits"),
    "GDAL_ENABLE_READ_WRITE_MUTEX": ("YES", "datasets without protection from other threads"),
    # georeferencing
    "GTIFF_POINT_GEO_IGNORE": ("NO", "pixels that are points move by half a pixel"),
    "GTIFF_LINEAR_UNITS": ("DEFAULT", "false easting and northing in another unit"),
    "GTIFF_IMPORT_FROM_EPSG": ("YES", "CRSs from keys instead of the EPSG register"),
    "GTIFF_REPORT_COMPD_CS": ("YES", "vertical CRSs are not reported"),
    "GTIFF_READ_ANGULAR_PARAMS_IN_DEGREE": ("NO", "parameters of projections in another unit"),
    "GTIFF_HONOUR_NEGATIVE_SCALEY": ("NO", "rasters are flipped"),
    "GDAL_DISABLE_READDIR_ON_OPEN": ("NO", "world files and sidecars are not found"),
    "GDAL_READDIR_LIMIT_ON_OPEN": ("1000", "world files and sidecars are not found"),
    "GDAL_PAM_ENABLED": ("YES", "sidecars with CRS, nodata and statistics are ignored"),
    "GDAL_PAM_MODE": ("PAM", "sidecars are written at other times"),
    "ESRI_XML_PAM": ("NO", "sidecars in another form"),
    "GDAL_GCPS_TO_GEOTRANSFORM_APPROX_OK": ("NO", "control points become a grid"),
    "TAB_APPROX_GEOTRANSFORM": ("NO", "control points become a grid"),
    "OZI_APPROX_GEOTRANSFORM": ("NO", "control points become a grid"),
    "DTED_APPLY_PIXEL_IS_POINT": ("NO", "grids move by half a pixel"),
    "GDAL_IGNORE_AXIS_ORIENTATION": ("NO", "x and y are exchanged"),
    "GDAL_JP2K_ALT_OFFSETVECTOR_ORDER": ("NO", "x and y are exchanged"),
    "GDAL_USE_GEOJP2": ("YES", "grids from another place"),
    "GDAL_USE_GMLJP2": ("YES", "grids from another place"),
    # VRTs and warping
    "GDAL_VRT_ENABLE_PYTHON": ("NO", "code in a VRT is run"),
    "GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE": ("SIBLING_OR_CHILD_OF_VRT_PATH", "any file is read"),
    "VRT_ALLOW_MEM_DRIVER": ("NO", "memory is read as pixels"),
    "VRT_SHARED_SOURCE": ("1", "other datasets are opened"),
    "VRT_NUM_THREADS": ("1", "threads and memory beyond the limits"),
    "GDAL_MAX_DATASET_POOL_SIZE": ("100", "more open files and memory"),
    "GDAL_VRT_WARP_USE_DATASET_RASTERIO": ("YES", "another way to warp"),
    "GDAL_WARP_USE_AFFINE_OPTIMIZATION": ("YES", "another way to warp"),
    "GDAL_WARP_USE_TRANSLATION_OPTIM": ("YES", "another way to warp"),
    # writing
    "GDAL_TIFF_ENDIANNESS": ("NATIVE", "files in another byte order"),
    "GDAL_TIFF_DEFLATE_SUBCODEC": ("LIBDEFLATE", "other compressed bytes"),
    "GDAL_GTIFF_PREDICTOR_CHECKS": ("YES", "predictors that no reader decodes"),
    "GTIFF_DONT_WRITE_BLOCKS": ("NO", "files without pixels"),
    "GTIFF_DELETE_ON_ERROR": ("YES", "unfinished files are left"),
    "GTIFF_WRITE_ANGULAR_PARAMS_IN_DEGREE": ("NO", "parameters of projections in another unit"),
    "GTIFF_WRITE_IMAGE_STRUCTURE_METADATA": ("YES", "tags are missing"),
    "GTIFF_WRITE_TOWGS84": ("AUTO", "other datum shifts in files"),
    "GTIFF_ESRI_CITATION": ("YES", "other names of CRSs in files"),
    "GTIFF_WRITE_RAT_TO_PAM": ("NO", "sidecars are written"),
    "GDAL_VALIDATE_CREATION_OPTIONS": ("YES", "wrong options pass unnoticed"),
    "GDAL_DEFAULT_CREATE_COPY": ("NO", "another way to copy"),
    "CHECK_DISK_FREE_SPACE": ("YES", "a full disk is found late"),
    "COG_DELETE_TEMP_FILES": ("YES", "temporary files are left"),
    "TIFF_USE_OVR": ("NO", "overviews in another file"),
    "USE_RRD": ("NO", "overviews in another file"),
    "GDAL_OVR_PROPAGATE_NODATA": ("NO", "overviews with more nodata"),
    "GDAL_OVR_CHUNK_MAX_SIZE": ("10485760", "more memory for overviews"),
    # CRSs and coordinates
    "OSR_DEFAULT_AXIS_MAPPING_STRATEGY": ("AUTHORITY_COMPLIANT", "x and y are exchanged"),
    "OGR_CT_FORCE_TRADITIONAL_GIS_ORDER": ("NO", "x and y are exchanged"),
    "OGR_CT_PREFER_OFFICIAL_SRS_DEF": ("YES", "definitions other than the EPSG register's"),
    "OGR_CT_USE_SRS_COORDINATE_EPOCH": ("YES", "coordinates of another epoch"),
    "OSR_CT_USE_DEFAULT_EPSG_TOWGS84": ("NO", "other datum shifts"),
    "OSR_ADD_TOWGS84_ON_IMPORT_FROM_EPSG": ("NO", "other datum shifts"),
    "OSR_ADD_TOWGS84_ON_EXPORT_TO_WKT1": ("NO", "other datum shifts in files"),
    "OSR_ADD_TOWGS84_ON_EXPORT_TO_PROJ4": ("YES", "other datum shifts"),
    "OSR_STRIP_TOWGS84": ("YES", "other datum shifts"),
    "OSR_USE_APPROX_TMERC": ("NO", "less exact transverse Mercator projections"),
    "OSR_USE_NON_DEPRECATED": ("YES", "CRSs that the EPSG register has withdrawn"),
    "OSR_WKT_FORMAT": ("DEFAULT", "CRSs in another form"),
    "OSR_IMPORT_FROM_WKT_LIMIT": ("100000", "long CRSs are refused or take long"),
    "OGR_ENABLE_PARTIAL_REPROJECTION": ("NO", "shapes lose the points that cannot be projected"),
    "CHECK_WITH_INVERT_PROJ": ("NO", "points at the edge of a projection are lost"),
    "THRESHOLD": ("0.1", "points at the edge of a projection are lost"),
    # shapes
    "OGR_GEOJSON_MAX_OBJ_SIZE": ("200", "large shapes are refused, or take all memory"),
    "OGR_ARC_STEPSIZE": ("0.5", "arcs have other points"),
    "OGR_ARC_MAX_GAP": ("0", "arcs have other points"),
    "OGR_STROKE_CURVE": ("NO", "arcs have other points"),
    "OGR_APPLY_GEOM_SET_PRECISION": ("NO", "coordinates are rounded"),
    "OGR_GEOMETRY_ACCEPT_UNCLOSED_RING": ("YES", "shapes are refused"),
    "OGR_SHAPE_ALLOW_NON_FINITE_COORDINATES": ("NO", "coordinates that are no numbers"),
    "OGR_FORCE_ASCII": ("YES", "names of layers change"),
    "OGR_TABLE_LIMIT": ("10000", "layers are left out"),
    "OGR_GPKG_NUM_THREADS": ("1", "threads and memory beyond the limits"),
    "SQLITE_LIST_ALL_TABLES": ("NO", "layers that are none"),
    "SQLITE_USE_OGR_VFS": ("NO", "another way to read files"),
    "SHAPE_RESTORE_SHX": ("NO", "a file beside the user's is written"),
    "SHAPE_2GB_LIMIT": ("NO", "shapes are left out"),
    "USE_OSR_FIND_MATCHES": ("YES", "CRSs are not recognized"),
    "GML_INVERT_AXIS_ORDER_IF_LAT_LONG": ("YES", "x and y are exchanged"),
    "GML_CONSIDER_EPSG_AS_URN": ("AUTO", "x and y are exchanged"),
    "GML_SWAP_COORDINATES": ("AUTO", "x and y are exchanged"),
    "GML_SKIP_CORRUPTED_FEATURES": ("NO", "shapes are left out"),
    "GML_GET_SECONDARY_GEOM": ("NO", "other shapes"),
    "GML_SKIP_RESOLVE_ELEMS": ("ALL", "requests to addresses in a file"),
    "DXF_CLOSED_LINE_AS_POLYGON": ("NO", "lines become polygons"),
    "DXF_INLINE_BLOCKS": ("YES", "shapes are left out"),
    "DXF_MERGE_BLOCK_GEOMETRIES": ("YES", "other shapes"),
    "LIBKML_READ_GROUND_OVERLAY": ("YES", "shapes are left out"),
    "GEOMETRY_AS_COLLECTION": ("NO", "other shapes"),
    # reading over HTTP with GDAL
    "VSI_CACHE": ("NO", "bytes of a former version, and memory beyond the limit"),
}

#: The values alone.
VALUES = {name: value for name, (value, _) in PINNED.items()}

#: Variables that are hidden from GDAL and PROJ while a call runs, as they are read while these
#: start, or have no value that means "unset"; and what they would do.
HIDDEN: dict[str, str] = {
    "GDAL_CONFIG_FILE": "settings from a file",
    "GDAL_SKIP": "formats are missing",
    "OGR_SKIP": "formats are missing",
    "GDAL_PYTHON_DRIVER_PATH": "foreign code is run",
    "GTIFF_SRS_SOURCE": "CRSs from keys instead of the EPSG register, or the reverse",
    "GTIFF_USE_DEFER_STRILE_LOADING": "another way to read blocks",
    "GTIFF_MAX_CUMULATED_MEM_USAGE": "files are refused",
    "GTIFF_ALPHA": "bands that count as masks",
    "GDAL_NETCDF_BOTTOMUP": "rasters are flipped",
    "GDAL_GEOREF_SOURCES": "grids from another place",
    "GDAL_PAM_PROXY_DIR": "sidecars of another folder are used",
    "HFA_USE_ESRI_PE_STRING": "CRSs from another place",
    "GDAL_OVERVIEW_OVERSAMPLING_THRESHOLD": "reduced reads use other overviews",
    "GDAL_SWATH_SIZE": "memory beyond the limit",
    "GDAL_TIFF_INTERNAL_MASK": "masks in another place",
    "GDAL_TIFF_OVR_BLOCKSIZE": "other blocks of overviews",
    "GDAL_OVR_CHUNKYSIZE": "memory beyond the limit",
    "GDAL_OVR_TEMP_DRIVER": "other temporary files",
    "COG_TMP_COMPRESSION": "other temporary files, with losses",
    "COMPRESS_OVERVIEW": "overviews with losses",
    "PREDICTOR_OVERVIEW": "overviews that are not written",
    "INTERLEAVE_OVERVIEW": "overviews in another order",
    "PHOTOMETRIC_OVERVIEW": "overviews in colours",
    "SPARSE_OK_OVERVIEW": "overviews with holes",
    "BIGTIFF_OVERVIEW": "overviews beyond 4 GB are damaged",
    "MAX_Z_ERROR_OVERVIEW": "overviews with losses",
    "OGR_ORGANIZE_POLYGONS": "holes become islands",
    "OGR_SQLITE_LOAD_EXTENSIONS": "foreign code is run",
    "OGR_SQLITE_PRAGMA": "foreign code is run",
    "OGR_GPKG_INTEGRITY_CHECK": "damaged files pass, or others are refused",
    "GML_FACE_HOLE_NEGATIVE": "holes become islands",
    "GML_GFS_TEMPLATE": "other layers",
    "DXF_HATCH_TOLERANCE": "other shapes",
    "DXF_FEATURE_LIMIT_PER_BLOCK": "shapes are left out",
    "DXF_HEADER_ONLY": "shapes are left out",
    "CPL_JSON_MAX_SIZE": "CRSs are not read",
    "OGR_GEOJSON_MAX_BYTES_FIRST_PASS": "CRSs are not read",
    "MITAB_BOUNDS_FILE": "coordinates are rounded otherwise",
    "CPL_VSIL_ZIP_ALLOWED_EXTENSIONS": "other files are taken for archives",
    "OGR_CT_OP_SELECTION": "other datum shifts",
    "CENTER_LONG": "longitudes are wrapped elsewhere",
    "OSR_USE_ETMERC": "less exact transverse Mercator projections",
    "SHAPE_ENCODING": "names of layers change",
    "GML_SRS_DIMENSION_IF_MISSING": "coordinates are grouped otherwise",
    "OGR_S57_OPTIONS": "shapes are left out",
    "PROJ_ONLY_BEST_DEFAULT": "coordinates that are not transformed",
    "PROJ_AUX_DB": "other definitions of CRSs",
    "PROJ_USE_PROJ4_INIT_RULES": "x and y are exchanged",
    "PROJ_FORCE_SEARCH_PIVOT": "other datum shifts",
    "PROJ_IGNORE_CELESTIAL_BODY": "CRSs of other planets",
    "PROJ_IGNORE_INSTANTIATION_ERRORS": "other datum shifts",
}

#: Variables that name PROJ's folders of data.
PROJ_DATA = ("PROJ_DATA", "PROJ_LIB")

#: Variables that are hidden where rasterio brings its own data, as its wheels do: that of another
#: installation has other definitions, or cannot be read at all.
OWN_DATA: dict[str, str] = {
    "PROJ_DATA": "other definitions of CRSs, or none",
    "PROJ_LIB": "other definitions of CRSs, or none",
    "GDAL_DATA": "other names of CRSs and layers",
    "GDAL_DRIVER_PATH": "formats of another GDAL",
    "OGR_DRIVER_PATH": "formats of another GDAL",
}
