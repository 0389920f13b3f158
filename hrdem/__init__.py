"""Canadian elevation for your area, as one local GeoTIFF.

    >>> import hrdem
    >>> result = hrdem.extract(
    ...     bbox=(-75.72, 45.40, -75.66, 45.44), product="dtm", output="ottawa.tif"
    ... )  # doctest: +SKIP

Everything is imported on first use, so that ``import hrdem`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hrdem._version import __version__ as __version__

if TYPE_CHECKING:
    from hrdem.api import assets as assets
    from hrdem.api import doctor as doctor
    from hrdem.api import estimate as estimate
    from hrdem.api import extract as extract
    from hrdem.api import load as load
    from hrdem.api import plan as plan
    from hrdem.api import search as search
    from hrdem.areas_api import outline as outline
    from hrdem.catalog.items import Asset as Asset
    from hrdem.catalog.items import Item as Item
    from hrdem.catalog.surveys.extents import Coverage as Coverage
    from hrdem.errors import BlockedAddressError as BlockedAddressError
    from hrdem.errors import CatalogError as CatalogError
    from hrdem.errors import HrdemError as HrdemError
    from hrdem.errors import MissingLibraryError as MissingLibraryError
    from hrdem.errors import NetworkError as NetworkError
    from hrdem.errors import NoDataError as NoDataError
    from hrdem.errors import NotCachedError as NotCachedError
    from hrdem.errors import OutputError as OutputError
    from hrdem.errors import OutputExistsError as OutputExistsError
    from hrdem.errors import RequestError as RequestError
    from hrdem.errors import ServerError as ServerError
    from hrdem.errors import SourceChangedError as SourceChangedError
    from hrdem.errors import SourceError as SourceError
    from hrdem.errors import TransferError as TransferError
    from hrdem.errors import WcsError as WcsError
    from hrdem.files_api import status as status
    from hrdem.files_api import verify as verify
    from hrdem.http.cache.store import Cache as Cache
    from hrdem.http.session import Session as Session
    from hrdem.jobs.compare import RasterComparison as RasterComparison
    from hrdem.jobs.doctor import Check as Check
    from hrdem.jobs.legacy_bc import BcSet as BcSet
    from hrdem.jobs.legacy_cded import CdedSet as CdedSet
    from hrdem.jobs.legacy_convert import Conversion as Conversion
    from hrdem.jobs.list_surveys import SurveyList as SurveyList
    from hrdem.jobs.make_profile import Profile as Profile
    from hrdem.jobs.preview import Picture as Picture
    from hrdem.jobs.rerun import Rerun as Rerun
    from hrdem.jobs.status import OutputStatus as OutputStatus
    from hrdem.jobs.status import SourceStatus as SourceStatus
    from hrdem.jobs.verify import FileCheck as FileCheck
    from hrdem.jobs.verify import Verification as Verification
    from hrdem.jobs.view import View as View
    from hrdem.legacy.check.finding import CheckReport as CheckReport
    from hrdem.legacy.check.finding import Finding as Finding
    from hrdem.legacy.comparison import Comparison as Comparison
    from hrdem.legacy_api import legacy_bc as legacy_bc
    from hrdem.legacy_api import legacy_cded as legacy_cded
    from hrdem.legacy_api import legacy_check as legacy_check
    from hrdem.legacy_api import legacy_compare as legacy_compare
    from hrdem.legacy_api import legacy_convert as legacy_convert
    from hrdem.lists_api import collections as collections
    from hrdem.lists_api import products as products
    from hrdem.output.result import Result as Result
    from hrdem.pictures_api import preview as preview
    from hrdem.pictures_api import view as view
    from hrdem.planning.estimate import Estimate as Estimate
    from hrdem.planning.plan import Plan as Plan
    from hrdem.points.samples import Samples as Samples
    from hrdem.points_api import profile as profile
    from hrdem.points_api import sample as sample
    from hrdem.products_api import extract_products as extract_products
    from hrdem.request.aoi.outline import Outline as Outline
    from hrdem.rerun_api import rerun as rerun
    from hrdem.runtime.progress import Progress as Progress
    from hrdem.surveys_api import compare as compare
    from hrdem.surveys_api import coverage as coverage
    from hrdem.surveys_api import surveys as surveys
    from hrdem.tiling.map_tiles import TilePixels as TilePixels
    from hrdem.tiling.progress import JobProgress as JobProgress
    from hrdem.tiling.run_job import JobSummary as JobSummary
    from hrdem.tiling.tile_job import TileJob as TileJob
    from hrdem.tiling_api import tile_job as tile_job

_NAMES_BY_MODULE = {
    "hrdem.api": ("assets", "doctor", "estimate", "extract", "load", "plan", "search"),
    "hrdem.areas_api": ("outline",),
    "hrdem.catalog.items": ("Asset", "Item"),
    "hrdem.catalog.surveys.extents": ("Coverage",),
    "hrdem.legacy.comparison": ("Comparison",),
    "hrdem.legacy.check.finding": ("CheckReport", "Finding"),
    "hrdem.legacy_api": (
        "legacy_bc",
        "legacy_cded",
        "legacy_check",
        "legacy_compare",
        "legacy_convert",
    ),
    "hrdem.jobs.doctor": ("Check",),
    "hrdem.jobs.legacy_bc": ("BcSet",),
    "hrdem.jobs.legacy_cded": ("CdedSet",),
    "hrdem.jobs.legacy_convert": ("Conversion",),
    "hrdem.errors": (
        "CatalogError",
        "HrdemError",
        "MissingLibraryError",
        "NetworkError",
        "NoDataError",
        "NotCachedError",
        "OutputError",
        "OutputExistsError",
        "BlockedAddressError",
        "RequestError",
        "ServerError",
        "SourceChangedError",
        "SourceError",
        "TransferError",
        "WcsError",
    ),
    "hrdem.planning.estimate": ("Estimate",),
    "hrdem.http.cache.store": ("Cache",),
    "hrdem.http.session": ("Session",),
    "hrdem.jobs.preview": ("Picture",),
    "hrdem.files_api": ("status", "verify"),
    "hrdem.jobs.rerun": ("Rerun",),
    "hrdem.rerun_api": ("rerun",),
    "hrdem.jobs.verify": ("FileCheck", "Verification"),
    "hrdem.jobs.status": ("OutputStatus", "SourceStatus"),
    "hrdem.jobs.list_surveys": ("SurveyList",),
    "hrdem.jobs.compare": ("RasterComparison",),
    "hrdem.points.samples": ("Samples",),
    "hrdem.points_api": ("profile", "sample"),
    "hrdem.jobs.make_profile": ("Profile",),
    "hrdem.surveys_api": ("compare", "coverage", "surveys"),
    "hrdem.jobs.view": ("View",),
    "hrdem.pictures_api": ("preview", "view"),
    "hrdem.planning.plan": ("Plan",),
    "hrdem.products_api": ("extract_products",),
    "hrdem.request.aoi.outline": ("Outline",),
    "hrdem.runtime.progress": ("Progress",),
    "hrdem.lists_api": ("collections", "products"),
    "hrdem.output.result": ("Result",),
    "hrdem.tiling.map_tiles": ("TilePixels",),
    "hrdem.tiling.progress": ("JobProgress",),
    "hrdem.tiling.run_job": ("JobSummary",),
    "hrdem.tiling.tile_job": ("TileJob",),
    "hrdem.tiling_api": ("tile_job",),
}
_MODULE_BY_NAME = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE_BY_NAME)]  # noqa: PLE0604 (all of them are strings)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_BY_NAME:
        raise AttributeError(f"module 'hrdem' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_BY_NAME[name]), name)


def __dir__() -> list[str]:
    return __all__
