"""A run's own page, `report.html` with `curves.png`, written anew while it trains."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from PIL import Image

from most_sketch import __version__
from most_sketch.config import to_dict
from most_sketch.errors import InputError
from most_sketch.photo.images import atomic_write
from most_sketch.training.curves import Curve, draw_curves
from most_sketch.training.runs import VALIDATION, Run, RunRecord

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FALLING = {"validation_l1"}
"""Held-out scores of which less is better."""
NO_CURVES = {"step", "time", "pairs_a_second"}
"""What is in a log's lines and tells nothing of what is learnt."""
REFRESH_SECONDS = 60


def write_report(run: Run, record: RunRecord, step: int) -> None:
    """Write `curves.png` and `report.html` of a run that has done so many steps, each in full or not at all.

    The page refers to files in the run's folder only. Raises `WeightsError` if the log is damaged.
    """
    log = run.read_log()
    curves = curves_of(log)
    picture = draw_curves(curves) if curves else None
    if picture is not None:
        with atomic_write(run.curves_file) as file:
            picture.save(file, "PNG")
    with atomic_write(run.report_file) as file:
        file.write(_page(run, record, step, log, curves, picture).encode())


def curves_of(log: Sequence[Mapping[str, Any]]) -> list[Curve]:
    """A curve for each figure in a log's lines, the scores of held-out pairs first."""
    points: dict[str, list[tuple[int, float]]] = {}
    for line in log:
        for name, value in line.items():
            if name not in NO_CURVES and math.isfinite(value):
                points.setdefault(name, []).append((line["step"], value))
    ordered = sorted(points, key=lambda name: not name.startswith(VALIDATION))
    return [Curve(_title(name), points[name], name.startswith(VALIDATION)) for name in ordered]


def _title(name: str) -> str:
    if not name.startswith(VALIDATION):
        return name.replace("_", " ")
    better = "less is better" if name in FALLING else "more is better"
    return f"held out: {name.removeprefix(VALIDATION).upper()} ({better})"


def _page(
    run: Run,
    record: RunRecord,
    step: int,
    log: Sequence[Mapping[str, Any]],
    curves: Sequence[Curve],
    picture: Image.Image | None,
) -> str:
    template = Template(files("most_sketch.training").joinpath("report.html").read_text(encoding="utf-8"))
    steps = record.train.steps
    settings = {"model": to_dict(record.model), "train": to_dict(record.train)}
    return template.substitute(
        name=escape(run.folder.resolve().name),
        # While it trains the page is loaded again now and then.
        refresh=f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">' if step < steps else "",
        state="finished" if step == steps else "running",
        step=step,
        steps=steps,
        # The folder's name alone: where it lies says more about the machine than about the run.
        data=escape(", ".join(f"{style}: {folder.name}" for style, folder in record.data.items())),
        figures="".join(
            f"<div><dt>{escape(curve.title)}</dt><dd>{curve.points[-1][1]:.4f}</dd></div>"
            for curve in curves
            if curve.held_out
        ),
        curves=_curves(picture, run.curves_file.name),
        sheet=_sheet(run, log),
        settings=escape(json.dumps(settings, indent=2)),
        written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        version=escape(__version__),
    )


def _curves(picture: Image.Image | None, name: str) -> str:
    if picture is None:
        return "<p>No figures yet.</p>"
    return (
        f'<div class="scroll"><img src="{name}" width="{picture.width // 2}" height="{picture.height // 2}" '
        'alt="Losses of the steps and scores of held-out pairs over the steps"></div>'
    )


def _sheet(run: Run, log: Sequence[Mapping[str, Any]]) -> str:
    """The newest sheet that is there, with what it shows."""
    validated = [line["step"] for line in log if any(name.startswith(VALIDATION) for name in line)]
    sheets = [run.sheet_file(step) for step in reversed(validated)]
    newest = next((path for path in sheets if path.is_file()), None)
    if newest is None:
        return "<p>No held-out pair has been drawn yet.</p>"
    place = newest.relative_to(run.folder).as_posix()
    with Image.open(newest) as sheet:
        width, height = sheet.size
    return (
        f'<figure><div class="scroll"><a href="{place}"><img src="{place}" width="{width}" height="{height}" '
        'alt="Held-out pairs: photo, drawn sketch and the artist\'s"></a></div>'
        f"<figcaption>After step {int(newest.stem)}, from left to right: the photo, the sketch that was drawn of it, "
        "the artist's.</figcaption></figure>"
    )


@contextmanager
def tensorboard_log(folder: Path) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """Writes steps and their figures as TensorBoard reads them, into a folder that is made when there are some.

    What an earlier process wrote of the same steps is not shown any more. Raises `InputError` without TensorBoard.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError("--tensorboard needs TensorBoard, which is not installed; pip install tensorboard") from error
    writer: SummaryWriter | None = None

    def write(step: int, figures: Mapping[str, float]) -> None:
        nonlocal writer
        if writer is None:
            writer = SummaryWriter(str(folder), purge_step=step)
        for name, value in figures.items():
            group = "held out" if name.startswith(VALIDATION) else "training"
            writer.add_scalar(f"{group}/{name.removeprefix(VALIDATION)}", value, step)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()
