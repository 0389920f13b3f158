"""Write docs/benchmarks.md and the README's table from results.

    python -m benchmarks.publish RESULTS.json...    joins them into docs/benchmarks.json first
    python -m benchmarks.publish                    writes both again from docs/benchmarks.json

`remarks.md` beside this file is put into the page if its first line names the commit of the
results: remarks are true of one measurement.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from benchmarks.report import write_page, write_readme_table
from benchmarks.results import Results, join_results

ROOT = Path(__file__).parents[1]
RESULTS = Path("docs/benchmarks.json")
REMARKS = Path("benchmarks/remarks.md")
_MARKS = "<!-- speed -->", "<!-- /speed -->"


def main() -> None:
    """Publish the results that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, nargs="*")
    given = parser.parse_args().results
    if given:
        joined = join_results(Results.from_json(path.read_text("utf-8")) for path in given)
        (ROOT / RESULTS).write_text(joined.to_json(), "utf-8")
    for path, text in pages(ROOT).items():
        (ROOT / path).write_text(text, "utf-8")
        print(f"wrote {path}")


def pages(root: Path) -> dict[str, str]:
    """Return the text of each page that follows from the results below a folder."""
    results = Results.from_json((root / RESULTS).read_text("utf-8"))
    readme = (root / "README.md").read_text("utf-8")
    start, end = _MARKS
    found = re.compile(f"(?<={start}\n).*?(?={end})", re.DOTALL)
    if not found.search(readme):
        raise ValueError(f"README.md has no {start} and {end}")
    table = f"\n{write_readme_table(results)}\n\n"
    return {
        "docs/benchmarks.md": write_page(results, _remarks(root, results.commit)),
        "README.md": found.sub(lambda _: table, readme),
    }


def _remarks(root: Path, commit: str) -> str:
    path = root / REMARKS
    if not path.exists():
        return ""
    first, _, text = path.read_text("utf-8").partition("\n")
    if first != f"<!-- {commit} -->":
        print(f"{REMARKS} is left out: its first line is not <!-- {commit} -->")
        return ""
    return text.strip()


if __name__ == "__main__":
    main()
