"""The two players, artist and discriminator, and the step in which both learn. Paper: section III-C."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from most_sketch.distribution import average, rank, ranks, spread
from most_sketch.errors import MostSketchError
from most_sketch.network.build import AnyGenerator
from most_sketch.network.config import ModelConfig
from most_sketch.network.discriminator import PatchDiscriminator
from most_sketch.network.encoder import Encoder
from most_sketch.network.precision import autocast
from most_sketch.training.architectures import ARCHITECTURES, Drawing, Lesson, Wrap
from most_sketch.training.config import TrainConfig, of_each_style
from most_sketch.training.objective import Objective, View, views_of
from most_sketch.training.optimisers import generator_optimiser
from most_sketch.training.perceptual import PerceptualBackbone
from most_sketch.training.restyle import draw_restyling, restyle
from most_sketch.training.samples import is_episode, seed_of, styles_to_draw

Scores = dict[str, float]


@dataclass(frozen=True)
class Execution:
    """How a run is computed, which may change when it is resumed."""

    device: torch.device
    precision: torch.dtype = torch.float32
    compile: bool = False
    save_every: int = 250
    """Steps between checkpoints."""
    validate_every: int = 250
    """Steps between validations with their sheets."""
    offline: bool = False
    """Make no connection for the backbone or what the run begins with."""

    def autocast(self) -> torch.autocast:
        """Compute in this precision while the context lasts."""
        return autocast(self.device, self.precision)


class Trainer:
    """All that a training run changes: networks, memory, optimisers, moving average, and the step they are at."""

    def __init__(
        self, model: ModelConfig, config: TrainConfig, backbone: PerceptualBackbone | None, execution: Execution
    ) -> None:
        self.config = config
        self.execution = execution
        self.reduce = of_each_style("reduce", config.reduce, len(model.styles))
        self.step = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.artist = ARCHITECTURES[model.architecture](model, config)
            self.discriminator = PatchDiscriminator(len(model.styles), config.discriminator_channels)
        self.backbone = backbone
        for network in (self.artist, self.discriminator, *([backbone] if backbone else [])):
            network.to(execution.device).to(memory_format=torch.channels_last)
        self.ema = AveragedModel(self.artist.generator, multi_avg_fn=partial(_moving_average, config.ema_decay))
        self.generator_optimiser = generator_optimiser(self.artist, config)
        self.discriminator_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), config.discriminator_rate, config.betas
        )
        wrap: Wrap = torch.compile if execution.compile else lambda module: module
        self.artist.wrap(wrap)
        judge = wrap(self.discriminator)
        # With several ranks each player's own gradients are averaged; those of a judge that stands still are not.
        self.learning_artist, self.learning_judge = spread(self.artist), spread(judge)
        self.objective = Objective(config, judge, wrap(backbone) if backbone else None, execution.autocast)

    def train_step(self, photo: Tensor, target: Tensor, style: Tensor, matte: Tensor) -> Scores:
        """One step of both players on a batch: photo (B, 3, H, W), target (B, 1, H, W) in [-1, 1], style (B,), matte
        (B, 1, H, W) in [0, 1] of the photo. In an episode (`samples.is_episode`) the last of them are its support."""
        device = self.execution.device
        photo, target, style, matte = (tensor.to(device, non_blocking=True) for tensor in (photo, target, style, matte))
        self._set_rates()

        chance = torch.Generator().manual_seed(seed_of(self.config.seed, 3, self.step))
        if is_episode(self.config, self.step):
            return self._episode(photo, target, style, matte, chance)
        drawn = styles_to_draw(style, len(self.artist.generator.config.styles), self.config, chance)
        # A judge that sees the photo would tell by it alone that no artist of this style drew that person.
        seen = photo * ((drawn == style) & self.artist.paired)[:, None, None, None]
        with self.execution.autocast():
            drawing: Drawing = self.learning_artist(photo, target, style, drawn, matte, chance)
            views = views_of(self.reduce, seen, drawing.sketch, target, drawn, drawn == style)
            # Real sketches as their own style is judged, drawn ones as that is which they are drawn in.
            real = views_of(self.reduce, seen, target, target, style, drawn == style)
            judgements = [self._judgement(view, label) for side, label in ((real, 1.0), (views, 0.0)) for view in side]
        discriminator_loss = torch.stack(judgements).sum()
        self.discriminator_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(discriminator_loss)
        self.discriminator_optimiser.step()

        self.discriminator.requires_grad_(False)
        terms = drawing.terms | self.objective.terms(views, chance)
        total = self._draw_better(terms)
        self.discriminator.requires_grad_(True)
        self._count()
        figures = {"total": total, "discriminator": discriminator_loss.item(), **drawing.figures}
        return average({name: term.item() for name, term in terms.items()} | figures, device)

    def _episode(self, photo: Tensor, target: Tensor, style: Tensor, matte: Tensor, chance: torch.Generator) -> Scores:
        """A step in a style that never was, known by a few pairs alone. The judge, who knows no such style, rests."""
        how = draw_restyling(chance)
        start = int(torch.randint(len(self.artist.generator.config.styles), (), generator=chance))
        target = restyle(target, photo, matte, how)
        count = self.config.batch_size // ranks()
        lesson = Lesson(photo[count:], target[count:], start, how.paper)
        photo, target, style, matte = (tensor[:count] for tensor in (photo, target, style, matte))
        with self.execution.autocast():
            drawing: Drawing = self.learning_artist(photo, target, style, style, matte, chance, lesson)
            views = views_of(
                self.reduce, photo, drawing.sketch, target, style, torch.ones_like(style, dtype=torch.bool)
            )
        terms = drawing.terms | self.objective.episode_terms(views, chance)
        total = self._draw_better(terms)
        self._count()
        figures = {name: term.item() for name, term in terms.items()} | {"total": total}
        return average({f"episode_{name}": figure for name, figure in figures.items()}, self.execution.device)

    def _draw_better(self, terms: Mapping[str, Tensor]) -> float:
        """A step of the artist down the sum of these terms, which is returned."""
        total = self.objective.total(terms)
        if not torch.isfinite(total):
            raise MostSketchError(
                f"the loss is no longer finite at step {self.step + 1}; resume from the last checkpoint "
                "with --precision fp32, or start again with lower learning rates"
            )
        self.generator_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        self.generator_optimiser.step()
        return total.item()

    def _count(self) -> None:
        """A step is done."""
        if rank() == 0:
            self.ema.update_parameters(self.artist.generator)
        self.step += 1

    def _judgement(self, view: View, label: float) -> Tensor:
        """What the discriminator minimises for sketches that are real (label 1) or drawn (0): their part of it."""
        logits = self.learning_judge(view.photo, view.sketch.detach(), view.style)[-1]
        return view.share * self.objective.game.judge(logits.float(), label)

    def _set_rates(self) -> None:
        """Constant learning rates, then a straight line to zero."""
        config = self.config
        start = config.decay_from * config.steps
        factor = 1.0 if self.step < start else (config.steps - self.step) / max(config.steps - start, 1)
        for optimiser, rate in (
            (self.generator_optimiser, config.generator_rate),
            (self.discriminator_optimiser, config.discriminator_rate),
        ):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor

    @property
    def averaged(self) -> AnyGenerator:
        """The generator with the moving-average weights, which sheets, scores and released files are made with."""
        return cast(AnyGenerator, self.ema.module)

    @property
    def sketch_encoder(self) -> Encoder | None:
        """What writes the memory; None in networks without, and where the memory stays as it came."""
        return None if self.config.fixed_memory else getattr(self.artist, "sketch_encoder", None)

    @torch.no_grad()
    def draw(self, photo: Tensor, style: int) -> Tensor:
        """A photo (3, H, W) with the moving-average weights -> (1, H, W) on the CPU, both in [-1, 1]."""
        index = torch.tensor([style], device=self.execution.device)
        with self.execution.autocast():
            sketch: Tensor = self.averaged(photo[None].to(self.execution.device), index)
        return sketch[0].float().cpu()

    def state(self) -> dict[str, Any]:
        """All that `restore` needs to go on exactly: tensors, numbers and plain containers only."""
        return {
            "step": self.step,
            "artist": self.artist.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "ema": self.ema.state_dict(),
            "generator_optimiser": self.generator_optimiser.state_dict(),
            "discriminator_optimiser": self.discriminator_optimiser.state_dict(),
            "scales": self.backbone.scales if self.backbone else None,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state that `state` returned, in place."""
        self.step = int(state["step"])
        for name in ("artist", "discriminator", "ema"):
            getattr(self, name).load_state_dict(state[name])
        self.generator_optimiser.load_state_dict(state["generator_optimiser"])
        self.discriminator_optimiser.load_state_dict(state["discriminator_optimiser"])
        if self.backbone is not None and state["scales"] is not None:
            self.backbone.take_scales(state["scales"])


@torch.no_grad()
def _moving_average(decay: float, average: list[Tensor], current: list[Tensor], count: Tensor) -> None:
    """Exponential moving average whose memory grows with the run, so that early sheets show the run, not its start."""
    updates = float(count)
    torch._foreach_lerp_(average, current, 1 - min(decay, (1 + updates) / (10 + updates)))
