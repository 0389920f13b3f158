"""Fetch a pinned package from its registry, and check that it is the one that was used before."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path


def fetch_from_pypi(name: str, version: str, sha256: str, folder: Path) -> Path:
    """Return the path of a wheel of PyPI.

    Args:
        name: Name of the package.
        version: Its version.
        sha256: Digest of the wheel.
        folder: Folder to download it to.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", str(folder)]
    subprocess.run([*command, f"{name}=={version}"], check=True)
    (path,) = folder.glob(f"{name.replace('-', '_')}-{version}-*.whl")
    return _check(path, sha256)


def fetch_from_npm(name: str, version: str, sha256: str, folder: Path) -> Path:
    """Return the path of a tarball of the npm registry; arguments as for `fetch_from_pypi`."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{name}@{version}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return _check(folder / f"{name}-{version}.tgz", sha256)


def _check(path: Path, sha256: str) -> Path:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise SystemExit(f"{path.name} has the digest {found}, but {sha256} was used before.")
    return path
