"""Training runs of a network so small that a step takes no time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from most_sketch.network.config import ModelConfig
from most_sketch.network.generator import Generator
from most_sketch.training.config import TrainConfig
from most_sketch.training.loop import train
from most_sketch.training.runs import Run, RunRecord
from most_sketch.training.trainer import Execution, Scores

TINY = ModelConfig(channels=16, stem_channels=16, slots=16, injection_channels=8, encoder_blocks=1)
SHORT = TrainConfig(steps=10, batch_size=2, discriminator_channels=4)
CPU = Execution(torch.device("cpu"), log_every=1)
"""With the figures of every step."""


def still_network() -> Generator:
    """Untrained, of two styles and with a matte, as `teach` has it: nothing of it can be learnt."""
    torch.manual_seed(0)
    return Generator(replace(TINY, styles=("ink", "wash"), matting=True)).eval().requires_grad_(False)


def begin(folder: Path, data: dict[str, Path], config: TrainConfig = SHORT, perceptual: str = "none") -> Run:
    run = Run(folder)
    run.begin(RunRecord(replace(TINY, styles=tuple(data)), config, data, perceptual))
    return run


def go(
    run: Run, stop_after: int | None = None, execution: Execution = CPU, notify: Callable[[str], None] = lambda _: None
) -> tuple[list[Scores], Scores]:
    """Train, stopping after so many steps. Returns the steps' figures and the final scores."""
    steps: list[Scores] = []

    def report(_: int, scores: Scores) -> None:
        if "validation_l1" not in scores:
            steps.append(scores)

    final = train(run, None, execution, report, lambda: len(steps) == stop_after, notify)
    return steps, final


def figures_in(run: Run) -> list[dict[str, float]]:
    """The lines of a run's log without what the clock says."""
    return [{name: line[name] for name in line.keys() - {"time", "pairs_a_second"}} for line in run.read_log()]


def noise(*styles: int) -> tuple[torch.Tensor, ...]:
    """A batch of these styles with nothing in it: photo, target, style, matte."""
    count = len(styles)
    return (
        torch.rand(count, 3, 48, 40),
        torch.rand(count, 1, 48, 40),
        torch.tensor(styles),
        torch.ones(count, 1, 48, 40),
    )
