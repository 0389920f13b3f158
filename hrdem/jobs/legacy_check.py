"""Check older products against their specifications: a file, an archive, or a folder."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from hrdem.errors import RequestError
from hrdem.legacy.check.cded import check_cell
from hrdem.legacy.check.cded_delivery import Delivery, check_delivery
from hrdem.legacy.check.cded_names import parse_file_name, parse_metadata_name
from hrdem.legacy.check.edges import CellEdges, compare_edges
from hrdem.legacy.check.entries import Entry, list_folder, make_entry, open_archive
from hrdem.legacy.check.finding import CheckReport, Finding, Findings
from hrdem.legacy.check.metadata import check_metadata
from hrdem.legacy.check.sniff import Kind, find_kind
from hrdem.request.options import Edition


def check_path(path: Path, edition: Edition | None = None) -> CheckReport:
    """Check a file, an archive, or all files below a folder.

    Args:
        path: What to check.
        edition: Edition to judge by; None for the one that each file states.

    Raises:
        RequestError: If there is nothing that could be checked.
    """
    job = _Check(edition)
    if path.is_dir():
        job.check_folder(path)
    else:
        job.check_file(make_entry(path, path.name))
    job.findings += compare_edges(job.edges)
    return CheckReport(tuple(job.findings), job.editions)


class _Check:
    """Collects the findings about all files."""

    def __init__(self, edition: Edition | None) -> None:
        self.findings: list[Finding] = []
        self.editions: dict[str, Edition] = {}
        self._edition = edition
        self.edges: list[CellEdges] = []

    def check_file(self, entry: Entry) -> None:
        """Check one file or archive."""
        kind = find_kind(entry)
        if kind is Kind.ARCHIVE:
            self._check_archive(entry)
        else:
            self._check_entry(entry)

    def check_folder(self, folder: Path) -> None:
        """Check all files below a folder, and what they say of each other."""
        entries = list_folder(folder)
        groups: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            if Kind.of_name(entry.name) is not None:
                groups[entry.label.rpartition("/")[0]].append(entry)
        if not any(groups.values()):
            raise RequestError(
                f"{folder} has no file to check: no .dem or .zip. Give a folder of CDED cells."
            )
        for parent, group in groups.items():
            for entry in group:
                try:
                    self.check_file(entry)
                except RequestError as exc:
                    self._add_unreadable(entry, exc)
            self._check_delivery(
                Delivery(parent or folder.name, "", False, [entry.name for entry in group])
            )

    def _check_archive(self, archive: Entry) -> None:
        with open_archive(archive) as members:
            checked = [each for each in members if Kind.of_name(each.name) is Kind.USGS_DEM]
            if not checked:
                raise RequestError(
                    f"{archive.label} has no .dem in it. Give an archive of CDED cells."
                )
            for member in checked:
                try:
                    self._check_entry(member)
                except RequestError as exc:
                    self._add_unreadable(member, exc)
            self._check_delivery(
                Delivery(archive.label, archive.name, True, [each.name for each in members])
            )
            for member in members:
                if parse_metadata_name(member.name):
                    self._add(check_metadata(member, self._latest()))

    def _check_entry(self, entry: Entry) -> None:
        result = check_cell(entry, self._edition)
        self._add(result.findings)
        if result.edges:
            self.edges.append(result.edges)

    def _check_delivery(self, delivery: Delivery) -> None:
        if any(map(parse_file_name, delivery.members)):
            self._add(check_delivery(delivery, self._latest()))

    def _latest(self) -> Edition:
        return self._edition or Edition.CDED_2_1

    def _add(self, findings: Findings) -> None:
        self.editions.setdefault(findings.file, findings.edition)
        self.findings += findings.all

    def _add_unreadable(self, entry: Entry, exc: RequestError) -> None:
        findings = Findings(entry.label, self._latest())
        findings.judge("7.4.1", "file", False, expected="a file that can be read", found=str(exc))
        self._add(findings)
