"""A run's page and curves while it trains: complete, of the newest state, and with nothing from elsewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from conftest import Command
from drawn_pairs import write_pairs
from PIL import Image
from tiny_runs import CPU, SHORT, TINY, begin, go

from most_sketch.errors import InputError
from most_sketch.training import curves
from most_sketch.training.curves import Curve, draw_curves
from most_sketch.training.run_report import curves_of, tensorboard_log, write_report
from most_sketch.training.runs import Run, RunRecord

pytestmark = pytest.mark.usefixtures("one_thread")
ACCENT = tuple(bytes.fromhex(curves.ACCENT[1:]))


def test_page_and_curves_are_written_at_each_checkpoint_and_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {"ink": write_pairs(tmp_path / "pairs", [f"{number:02}" for number in range(12)])}
    run = begin(tmp_path / "run", data, replace(SHORT, steps=30))
    pages: dict[int, str] = {}

    def keep(run: Run, record: RunRecord, step: int) -> None:
        write_report(run, record, step)
        pages[step] = run.report_file.read_text(encoding="utf-8")

    monkeypatch.setattr("most_sketch.training.loop.write_report", keep)
    go(run, execution=replace(CPU, save_every=10, validate_every=15))
    assert list(pages) == [10, 15, 20, 30]
    sheets = [re.findall(r'src="(sheets/.*?)"', page) for page in pages.values()]
    assert sheets == [[], ["sheets/000015.png"], ["sheets/000015.png"], ["sheets/000030.png"]]
    assert "Step 20 of 30" in pages[20]
    assert 'http-equiv="refresh"' in pages[20]
    assert 'http-equiv="refresh"' not in pages[30]
    assert "held out: SSIM (more is better)" in pages[20]
    assert "drawn" in pages[30]
    for place in re.findall(r'(?:src|href)="(.*?)"', pages[30]):
        assert (run.folder / place).is_file()
    assert not re.search(r"url\(|@import|https?://|<script", pages[30])
    assert {path.name for path in run.folder.iterdir()} >= {"report.html", "curves.png"}
    assert not list(run.folder.glob(".*"))


def test_what_things_are_called_cannot_break_the_page(tmp_path: Path) -> None:
    run = Run(tmp_path / "<b> $x [red]")
    run.begin(RunRecord(TINY, SHORT, {"pencil": tmp_path / "<script>"}, "none"))
    write_report(run, run.record(), 3)
    page = run.report_file.read_text(encoding="utf-8")
    assert "&lt;b&gt; $x [red]" in page
    assert "<script" not in page
    assert "No figures yet." in page
    assert not run.curves_file.exists()


def test_a_figure_is_a_curve_and_what_is_no_number_is_left_out() -> None:
    log = [
        {"step": 10, "style": 3.0, "total": float("nan")},
        {"step": 20, "style": 2.0, "total": 5.0},
        {"step": 20, "validation_l1": 0.5},
    ]
    assert curves_of(log) == [
        Curve("held out: L1 (less is better)", [(20, 0.5)], True),
        Curve("style", [(10, 3.0), (20, 2.0)], False),
        Curve("total", [(20, 5.0)], False),
    ]


def test_a_curve_falls_where_its_values_fall() -> None:
    falling = Curve("held out", [(step, 100.0 - step) for step in range(10, 101, 10)], True)
    pixels = np.asarray(draw_curves([falling]))
    assert pixels.shape == (curves.HEIGHT, curves.WIDTH, 3)
    inside = pixels[curves.TOP : -curves.BOTTOM, curves.LEFT : -curves.RIGHT]
    down, across = np.nonzero((inside == ACCENT).all(axis=2))
    assert np.corrcoef(across, down)[0, 1] > 0.99
    # The first point has a tenth of the steps, and lies at the top.
    assert across.min() == pytest.approx(inside.shape[1] / 10, abs=8)
    assert down[across.argmin()] < inside.shape[0] / 5


@pytest.mark.parametrize("values", [[1.0], [0.0, 0.0], [2.5] * 3000, [1e-9, 1e9], [-3.0, -2.0]])
def test_any_values_can_be_drawn(values: list[float]) -> None:
    points = list(enumerate(values, start=1))
    picture = draw_curves([Curve("loss", points, held_out) for held_out in (False, True)])
    assert picture.size == (2 * curves.WIDTH, curves.HEIGHT)
    assert ACCENT in {colour for _, colour in picture.getcolors(1 << 24) or []}


def test_the_sheets_say_what_they_show(tmp_path: Path) -> None:
    """The same pictures below different labels: the strips of labels alone differ."""
    sheets = []
    for style in ("ink", "chalk"):
        data = {style: write_pairs(tmp_path / style, ["a", "b"], (200, 250))}
        run = begin(tmp_path / f"run-{style}", data, replace(SHORT, steps=1, batch_size=1))
        go(run)
        with Image.open(run.sheet_file(1)) as sheet:
            sheets.append(np.asarray(sheet))
    differs = np.nonzero((sheets[0] != sheets[1]).any(axis=(1, 2)))[0]
    assert len(differs) > 0
    assert differs.max() < sheets[0].shape[0] - 250


def test_without_tensorboard_the_remedy_is_named_and_no_run_begun(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    data = write_pairs(tmp_path / "pairs", ["a", "b"])
    answer = command("train", "--data", data, "--perceptual", "none", "--out", tmp_path / "run", "--tensorboard")
    assert answer.code == 1
    assert answer.err.endswith("not installed; pip install tensorboard\n")
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


class Writer:
    """What `torch.utils.tensorboard` has, as far as it is used here."""

    made: list[Writer] = []  # noqa: RUF012

    def __init__(self, folder: str, purge_step: int) -> None:
        self.folder, self.purge_step, self.closed = folder, purge_step, False
        self.scalars: dict[str, tuple[float, int]] = {}
        self.made.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        assert not self.closed
        self.scalars[name] = (value, step)

    def close(self) -> None:
        self.closed = True


def test_tensorboard_gets_every_figure_from_the_first_step_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("torch.utils.tensorboard")
    monkeypatch.setattr(module, "SummaryWriter", Writer, raising=False)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    steps: list[tuple[int, Mapping[str, float]]] = [(41, {"style": 2.0}), (42, {"validation_l1": 0.25})]
    with tensorboard_log(tmp_path / "events") as write:
        assert not Writer.made
        for step, figures in steps:
            write(step, figures)
    (writer,) = Writer.made
    assert (writer.folder, writer.purge_step, writer.closed) == (str(tmp_path / "events"), 41, True)
    assert writer.scalars == {"training/style": (2.0, 41), "held out/l1": (0.25, 42)}


def test_a_held_out_pair_of_another_size_is_told_before_the_first_step(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "pairs", ["a", "b", "c"])
    for folder in ("photos", "sketches"):
        path = data / folder / "a.png"
        Image.open(path).resize((44, 52)).save(path)
    with pytest.raises(InputError, match=r"pairs/a: 44 x 52 pixels, unlike the first pair's 40 x 48"):
        go(begin(tmp_path / "run", {"ink": data}))
