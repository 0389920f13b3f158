"""Check older products against their specifications: a file, an archive, or a folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from hrdem.errors import RequestError
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.check.bc_set import check_bc_file, check_set
from hrdem.legacy.check.cded import check_cell
from hrdem.legacy.check.cded_delivery import Delivery, check_delivery
from hrdem.legacy.check.cded_names import parse_file_name, parse_metadata_name
from hrdem.legacy.check.checked_file import (
    CheckedFile,
    list_folder,
    make_checked_file,
    open_archive,
)
from hrdem.legacy.check.edges import CellEdges, compare_edges
from hrdem.legacy.check.finding import CheckReport, Finding, Findings
from hrdem.legacy.check.metadata import check_metadata
from hrdem.legacy.check.sniff import FileKind, find_kind, is_cded, is_checked
from hrdem.request.options import Edition
from hrdem.runtime.progress import OnProgress, ProgressMeter, ignore_progress


def check_path(
    path: Path, edition: Edition | None = None, on_progress: OnProgress = ignore_progress
) -> CheckReport:
    """Check a file, an archive, or all files below a folder.

    Args:
        path: What to check.
        edition: Edition to judge by; None for the one that each file states.
        on_progress: Called after each file; bytes of files are counted in place of pixels.

    Raises:
        RequestError: If there is nothing that could be checked.
    """
    if path.is_dir():
        groups = _group_by_folder(path)
        files = [checked for group in groups.values() for checked in group]
        job = _Check(edition, files, on_progress)
        for parent, group in groups.items():
            job.check_folder(parent, group)
    else:
        checked = make_checked_file(path, path.name)
        job = _Check(edition, [checked], on_progress)
        job.check_file(checked)
    job.findings += compare_edges(job.edges)
    return CheckReport(tuple(job.findings), job.editions)


def _group_by_folder(folder: Path) -> dict[str, list[CheckedFile]]:
    """Return the files to check below a folder, by the folder that they are in."""
    files = list_folder(folder)
    if not any(is_checked(each.name) for each in files):
        raise RequestError(
            f"{folder} has no file to check: no .dem or .zip, and no file with a name of a BC "
            "set. Give a folder of CDED cells or of a BC set."
        )
    groups: dict[str, list[CheckedFile]] = defaultdict(list)
    for checked in files:
        if is_checked(checked.name) or parse_metadata_name(checked.name):
            groups[checked.label.rpartition("/")[0] or folder.name].append(checked)
    return groups


class _Check:
    """Collects the findings about all files."""

    def __init__(
        self, edition: Edition | None, files: Sequence[CheckedFile], on_progress: OnProgress
    ) -> None:
        self._sizes = {checked.label: checked.size for checked in files}
        self._meter = ProgressMeter(sum(self._sizes.values()), on_progress)
        self.findings: list[Finding] = []
        self.editions: dict[str, Edition] = {}
        self.edges: list[CellEdges] = []
        self._edition = edition

    def check_file(self, checked: CheckedFile) -> None:
        """Check one file or archive."""
        if parse_metadata_name(checked.name):
            self._add(check_metadata(checked, self._cded_edition()))
            return
        kind = find_kind(checked)
        if kind is FileKind.ARCHIVE:
            self._check_archive(checked)
        elif is_cded(checked, kind, self._edition):
            result = check_cell(checked, self._edition)
            self._add(result.findings)
            if result.edges:
                self.edges.append(result.edges)
        else:
            self._add(check_bc_file(checked)[0])

    def check_folder(self, label: str, files: Sequence[CheckedFile]) -> None:
        """Check the files of a folder, and what they say of each other."""
        self._check_group(label, files)
        self._check_delivery(Delivery(label, "", False, [checked.name for checked in files]))

    def _check_archive(self, archive: CheckedFile) -> None:
        with open_archive(archive) as members:
            checked = [
                each
                for each in members
                if is_checked(each.name) and FileKind.of_name(each.name) is not FileKind.ARCHIVE
            ]
            if not checked:
                raise RequestError(
                    f"{archive.label} has no .dem in it. Give an archive of CDED cells."
                )
            checked += [each for each in members if parse_metadata_name(each.name)]
            self._check_group(archive.label, checked)
            names = [each.name for each in members]
            self._check_delivery(Delivery(archive.label, archive.name, True, names))

    def _check_group(self, label: str, files: Sequence[CheckedFile]) -> None:
        """Check files that lie together; those of a BC set also against each other."""
        is_bc = self._edition is None or not self._edition.is_cded
        of_set = [each for each in files if is_bc and FileName.parse(each.name)]
        for checked in files:
            if checked in of_set:
                continue
            try:
                self.check_file(checked)
            except RequestError as exc:
                findings = Findings(checked.label, self._cded_edition())
                findings.judge(
                    "7.4.1", "file", False, expected="a file that can be read", found=str(exc)
                )
                self._add(findings)
        check_set(label, of_set, self._add)

    def _check_delivery(self, delivery: Delivery) -> None:
        if any(map(parse_file_name, delivery.members)):
            self._add(check_delivery(delivery, self._cded_edition()))

    def _cded_edition(self) -> Edition:
        return self._edition if self._edition and self._edition.is_cded else Edition.CDED_2_1

    def _add(self, findings: Findings) -> None:
        self.editions.setdefault(findings.file, findings.edition)
        if size := self._sizes.pop(findings.file, 0):
            self._meter.add(size, None)
        self.findings += findings.in_order()
