"""A run's figures for TensorBoard, where that is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from most_sketch.errors import InputError
from most_sketch.training.run_report import VALIDATION

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


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
