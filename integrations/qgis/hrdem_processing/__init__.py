"""A QGIS plugin with processing algorithms that run the command ``hrdem``."""

from __future__ import annotations


def classFactory(iface):
    """Return the plugin."""
    from .plugin import HrdemPlugin  # noqa: PLC0415 (the command needs no QGIS)

    return HrdemPlugin()
