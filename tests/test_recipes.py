"""The recipes of docs/scale.md: the shell runs them, commands and calls have valid parameters."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import shapely
from pyogrio.raw import write

import hrdem
from hrdem.cli.main import cli
from hrdem.demo import Addresses

PAGE = (Path(__file__).parents[1] / "docs" / "scale.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SHELL = [text for language, text in BLOCKS if language == "bash"]
BASH = shutil.which("bash")
needs_bash = pytest.mark.skipif(BASH is None, reason="recipes are for bash")


def run_bash(script: str, folder: Path, **variables: str) -> str:
    assert BASH is not None
    done = subprocess.run(
        [BASH, "-eu", "-c", script],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def find_pod_command() -> str:
    """Return the shell command of the Kubernetes Job: its folded lines, joined."""
    (text,) = (text for language, text in BLOCKS if language == "yaml")
    lines = text.partition("- >-\n")[2].partition("          envFrom")[0].splitlines()
    return " ".join(line.strip() for line in lines).removeprefix("exec ")


@needs_bash
def test_commands_of_the_recipes_are_valid(tmp_path: Path) -> None:
    """The shell expands them, one after the other; the command line takes every option."""
    record = "hrdem() { printf '%s\\n' \"$@\" --end--; }\n"
    (tmp_path / "quebec.gpkg").touch()
    printed = "".join(
        run_bash(
            record + text.replace("/area/", "").replace(" &\n", "\n"),
            tmp_path,
            SLURM_ARRAY_TASK_ID="3",
            SLURM_ARRAY_TASK_COUNT="16",
            JOB_COMPLETION_INDEX="15",
        )
        for text in [*SHELL, find_pod_command()]
    )
    commands = [lines.split("\n")[:-1] for lines in printed.split("--end--\n")[:-1]]
    parts = []
    for words in commands:
        assert words[0] == "tile", words
        group = cli.get_command(click.Context(cli), "tile")
        assert group is not None
        if words[1].startswith("-"):
            context = group.make_context("tile", words[1:])
            parts.append(context.params["part"])
        else:
            assert words[1] in ("status", "retry", "index")
    assert [part for part in parts if part] == [(3, 16), (1, 4), (2, 4), (3, 4), (4, 4), (16, 16)]


def test_calls_of_the_recipes_are_valid() -> None:
    """Python compiles them; `hrdem.tile_job` and `TileJob.run` have their parameters."""
    functions = {"tile_job": hrdem.tile_job, "run": hrdem.TileJob.run}
    texts = [text for language, text in BLOCKS if language == "python"]
    assert len(texts) == 3
    for text in texts:
        called = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                function = functions.get(node.func.attr)
                if function is not None:
                    names = {keyword.arg for keyword in node.keywords}
                    assert names <= set(inspect.signature(function).parameters)
                    called.add(node.func.attr)
        assert called == functions.keys()


@needs_bash
@pytest.mark.slow
@pytest.mark.long
def test_the_loop_over_parts_makes_all_tiles(demo: Addresses, tmp_path: Path) -> None:
    """The recipes "Plan once" and the loop of the shell, over a square of 6 km."""
    area = shapely.box(1_500_000, -6_000, 1_506_000, 0)
    write(
        tmp_path / "quebec.gpkg",
        shapely.to_wkb([area]),
        [],
        [],
        geometry_type="Polygon",
        crs="EPSG:3979",
    )
    (loop,) = (text for text in SHELL if "for part in" in text)
    (plan,) = (text for text in SHELL if "--plan-only" in text)
    options = f"--scheme 5km --stac-url {demo.stac} --cache-dir '{tmp_path / 'cache'}'"
    script = (plan + loop).replace("tile --aoi", f"tile {options} --aoi")
    script = script.replace("/scratch/", f"{tmp_path}/").replace("hrdem tile", "hrdem_tile")
    command = f"hrdem_tile() {{ '{sys.executable}' -m hrdem tile \"$@\"; }}\n"
    printed = run_bash(command + script, tmp_path)
    assert "4 done" in printed
    names = {path.name for path in (tmp_path / "quebec").iterdir()}
    assert {"collection.json", "index.gti.gpkg"} <= names
