"""The documentation: its links lead somewhere, and the modules that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hrdem.runtime.gdal_settings import HIDDEN, OWN_DATA, PINNED

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")])
FOLDERS = ("hrdem/", "")  # where a path of the documentation starts
LOWER = "0123456789abcdefghijklmnopqrstuvwxyz_-"


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    texts = (heading.lower().replace(" ", "-") for heading in headings)
    return {"".join(letter for letter in text if letter in LOWER) for text in texts}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A renamed page or heading takes its links with it."""
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("name", ["architecture.md", "decisions.md"])
def test_modules_that_are_named_exist(name: str) -> None:
    """A moved module moves in the documentation too."""
    text = (ROOT / "docs" / name).read_text("utf-8")
    for path in re.findall(r"`([a-z_]+(?:/[a-z_<>]+)+(?:\.py|/)?)`", text):
        if "<" not in path:
            assert any((ROOT / folder / path).exists() for folder in FOLDERS), path


def test_groups_of_the_fault_matrix_that_are_named_exist() -> None:
    """The evidence of a decision can be found in the tables of reliability.md."""
    decisions, tables = (
        (ROOT / "docs" / name).read_text("utf-8") for name in ("decisions.md", "reliability.md")
    )
    groups = re.findall(r"`tests/faults/matrix` \(\"([^\"]+)\"\)", decisions)
    assert groups
    assert all(f"### {group}\n" in tables for group in groups), groups


def test_the_rooms_of_the_table_exist_with_their_modules() -> None:
    """Every row of the table names a package or module, and modules in it."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z_/.]+)` \| .+ \| (.*) ?\|$", text, re.MULTILINE)
    assert len(rows) > 15
    for room, modules in rows:
        assert (ROOT / "hrdem" / room).exists(), room
        for module in re.findall(r"`([a-z_]+\.py)`", modules):
            assert (ROOT / "hrdem" / room / module).exists(), f"{room}{module}"
    packages = {each.name for each in (ROOT / "hrdem").iterdir() if (each / "__init__.py").exists()}
    assert packages <= {room.partition("/")[0] for room, _ in rows}


def test_every_setting_that_is_pinned_is_listed() -> None:
    """With its value and its reason."""
    text = (ROOT / "docs" / "environment.md").read_text("utf-8").partition("## Fixed values")[2]
    rows = [f"| `{name}` | `{value}` | {reason} |" for name, (value, reason) in PINNED.items()]
    rows += [f"| `{name}` | {reason} |" for name, reason in (HIDDEN | OWN_DATA).items()]
    assert [line for line in text.splitlines() if line.startswith("| `")] == rows


def test_the_tests_that_are_named_exist() -> None:
    text = (ROOT / "docs" / "bugs-of-other-tools.md").read_text("utf-8")
    named = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", text)
    assert len(named) > 30
    missing = [(f, t) for f, t in named if f"def {t}(" not in (ROOT / f).read_text("utf-8")]
    assert not missing


def test_the_readme_is_short() -> None:
    """What grows beyond 900 words belongs to a page of docs/."""
    assert len((ROOT / "README.md").read_text("utf-8").split()) <= 900
