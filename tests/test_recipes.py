"""The recipes run from top to bottom, with commands that only look at what they are told."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from most_sketch.cli import app
from most_sketch.training.config import PRESETS, override

ROOT = Path(__file__).parent.parent
RECIPES = sorted((ROOT / "recipes").glob("*.sh"))
STAND_IN = f"""#!{sys.executable}
import json, pathlib, sys
name, *told = pathlib.Path(sys.argv[0]).name, *sys.argv[1:]
after = lambda option: [told[i + 1] for i, each in enumerate(told[:-1]) if each == option]
if name == "most-sketch":
    there = after("--init") + after("--onto") + after("--backgrounds")
    there += [each.partition("=")[2] or each for each in after("--data")]
    if told[:2] == ["weights", "average"]:
        there += told[2 : told.index("-o")]
    if told[0] == "prepare":
        there.append(told[1])
        pathlib.Path(told[2]).mkdir(parents=True, exist_ok=True)
    bundled = {[path.stem for path in (ROOT / "weights").glob("*.safetensors")]}
    for each in there:
        if each not in bundled and not pathlib.Path(each).exists():
            sys.exit(f"{{each}} is needed before it is made: {{told}}")
else:
    if told[1:2] == ["backgrounds"]:
        pathlib.Path(told[3]).mkdir(parents=True)
for each in after("--out") + after("-o"):
    path = pathlib.Path(each)
    if path.suffix == ".safetensors":
        path.touch()
    else:
        path.mkdir(parents=True, exist_ok=True)
        (path / "weights.safetensors").touch()
print(json.dumps([name, *told]), file=open("commands.jsonl", "a"))
"""
"""Notes its command, fails if what it reads is not there yet, and makes empty files of what it would write."""


def commands(recipe: Path, folder: Path) -> list[list[str]]:
    """What a recipe calls, in its order, in a folder that holds the data it names."""
    tools = folder / "tools"
    tools.mkdir()
    for name in ("most-sketch", "python", "git"):
        (tools / name).write_text(STAND_IN)
        (tools / name).chmod(0o755)
    work = folder / "work"
    for data in re.findall(r"^\w+=\$\{[A-Z0-9_]+:-([\w/-]+)\}$", recipe.read_text(), flags=re.MULTILINE):
        (work / data).mkdir(parents=True, exist_ok=True)
    for part in ("fs2k/style0", "fs2k/style1", "fs2k/style2", "cufs/ar", "cufs/xm2vts"):
        (work / part).mkdir(parents=True, exist_ok=True)
    environment = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "REPOSITORY": str(ROOT),
        "MEDIAPIPE_PYTHON": "python",
    }
    ran = subprocess.run(["bash", str(recipe)], cwd=work, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in (work / "commands.jsonl").read_text().splitlines()]


def parse(told: list[str]) -> dict[str, object]:
    """The options of a command as `most-sketch` reads them, without running it. Unknown ones raise."""
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        name, *told = told
        command = command.commands[name]
    return command.make_context("most-sketch", told).params


def number(value: str) -> object:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def test_there_is_a_recipe_for_each_of_the_bundled_weights() -> None:
    assert {recipe.stem for recipe in RECIPES} == {path.stem for path in (ROOT / "weights").glob("*.safetensors")}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_a_recipe_runs_and_names_options_and_settings_that_there_are(recipe: Path, tmp_path: Path) -> None:
    subprocess.run(["bash", "-n", str(recipe)], check=True)
    assert os.access(recipe, os.X_OK)
    made = commands(recipe, tmp_path)
    for name, *told in made:
        if name == "python":
            script, *told = told
            assert all(each in Path(script).read_text() for each in told if each.startswith("-")), told
        if name != "most-sketch":
            continue
        options = parse(told)
        assert recipe.stem not in told, "weights cannot be begun with themselves"
        settings = dict(each.split("=", 1) for each in options.get("settings") or [])
        override(*PRESETS["ours"], {key: number(value) for key, value in settings.items()})
    assert (tmp_path / "work" / f"{recipe.stem}.safetensors").exists()
    assert sum("train" in told for _, *told in made) >= 4


def test_a_setting_or_an_option_that_is_gone_is_found() -> None:
    with pytest.raises(Exception, match="--no-such-option"):
        parse(["train", "--out", "runs/a", "--no-such-option"])
    with pytest.raises(Exception, match="no_such_setting"):
        override(*PRESETS["ours"], {"no_such_setting": 1})
