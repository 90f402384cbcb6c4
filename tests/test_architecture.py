"""Imports between rooms point one way, and old names of settings and tensors are in one place."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import most_sketch

PACKAGE = Path(most_sketch.__file__).parent
FLOORS = (
    {"cli"},
    {"page", "teaching"},
    {"training"},
    {"evaluation"},
    {"drawing"},
    {"checkpoints"},
    {"network", "pairs"},
    {"photo"},
    {"config", "device", "distribution", "errors", "machine", "saved_names", "terminal"},
)
"""A room may import from lower floors; the last holds the modules beside the rooms, which may import each other."""
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
DOORS = {"__init__", "__main__"}
"""Of the house: the public names and the command, which lead to any room."""
MODULES = [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py"))]


def room_of(module: Path) -> str:
    return module.parts[0].removesuffix(".py")


def imported_rooms(source: str) -> Iterator[str]:
    """The first name below `most_sketch` of every import in a module, those inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("most_sketch."))


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) not in DOORS], ids=str)
def test_a_room_imports_from_lower_floors_only(module: Path) -> None:
    room = room_of(module)
    for other in imported_rooms((PACKAGE / module).read_text(encoding="utf-8")):
        # The version is all that may be had from the front door.
        if other in (room, "__version__"):
            continue
        lower = FLOOR_OF[other] > FLOOR_OF[room]
        assert lower or (other in FLOORS[-1] and room in FLOORS[-1]), f"{module} imports {other}"


@pytest.mark.parametrize(
    ("source", "rooms"),
    [
        ("from most_sketch.photo.images import read_image", ["photo"]),
        ("from most_sketch import distribution", ["distribution"]),
        ("def late():\n    import most_sketch.cli.train as train, torch", ["cli"]),
    ],
)
def test_no_way_to_import_goes_unseen(source: str, rooms: list[str]) -> None:
    assert list(imported_rooms(source)) == rooms


def test_every_room_says_what_it_is_for_and_few_modules_stand_beside_them() -> None:
    rooms = {module.parent for module in MODULES} - {Path()}
    assert {str(room) for room in rooms} == set().union(*FLOORS[:-1])
    for room in rooms:
        assert ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8")))
    assert sum(module.parent == Path() for module in MODULES) <= 9
    assert sum(module.parent == Path("training") for module in MODULES) <= 17


OLD_WORDS = re.compile(
    r"\b(Game|judge\w*|flatter\w*|learning_artist|_draw_better|_judgement|chance|View|own_share|[Hh]abits?|Displaced"
    r"|[Kk]eep.habit|[Ll]essons?|teach_warp|straighten|dissimilarity|feature_dissimilarity|own_kind|LIKENESS|UNSURE"
    r"|restyle|episodes?|fixed_memory|feature_matching|low_rank|style_memory|squares\.py)\b"
)
"""What the field's words have replaced, and what is gone."""
READ = [PACKAGE / module for module in MODULES if module.name != "saved_names.py"]
READ += [Path(__file__).parents[1] / name for name in ("README.md", "docs/architecture.md", "docs/training.md")]


@pytest.mark.parametrize("path", READ, ids=lambda path: path.name)
def test_old_words_are_in_the_table_of_old_names_only(path: Path) -> None:
    assert OLD_WORDS.findall(path.read_text(encoding="utf-8")) == []


def test_what_a_file_says_is_read_without_torch() -> None:
    """A network's settings, a weights file's header and the manifest; so `network` imports nothing by itself."""
    code = """
import sys
from most_sketch import ModelConfig
import most_sketch.checkpoints.header, most_sketch.checkpoints.manifest, most_sketch.training.config
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
