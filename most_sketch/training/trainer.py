"""A training step: the discriminator learns, then the model. Paper: section III-C."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from most_sketch.device import to_device
from most_sketch.distribution import average, rank, spread
from most_sketch.errors import MostSketchError
from most_sketch.network.build import AnyGenerator
from most_sketch.network.config import ModelConfig
from most_sketch.network.discriminator import PatchDiscriminator
from most_sketch.network.encoder import Encoder
from most_sketch.network.precision import autocast
from most_sketch.training import losses
from most_sketch.training.architectures import ARCHITECTURES, Drawing, Wrap
from most_sketch.training.config import Keep, TrainConfig, of_each_style
from most_sketch.training.objective import Objective, ScaleGroup, scale_groups
from most_sketch.training.optimisers import generator_optimiser
from most_sketch.training.perceptual import PerceptualBackbone
from most_sketch.training.samples import seed_of, styles_to_draw

Scores = dict[str, float]

LOG_EVERY = 10


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
    keep: Keep = field(default_factory=Keep)
    """Which weights stay besides the newest, and when it ends early."""
    log_every: int = LOG_EVERY
    """Steps between those whose figures are read from the device, shown and logged."""
    workers: int = 0
    """Processes that make samples ahead of the steps; with 0 the training process makes them itself."""

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
        self.reduce = torch.tensor(of_each_style("reduce", config.reduce, len(model.styles)))
        likeness = config.likeness_styles[: len(model.styles)]
        self.likeness = torch.tensor([*likeness, *[0.0] * (len(model.styles) - len(likeness))])
        self.step = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = ARCHITECTURES[model.architecture](model, config)
            self.discriminator = PatchDiscriminator(len(model.styles), config.discriminator_channels)
        self.backbone = backbone
        for network in (self.model, self.discriminator, *([backbone] if backbone else [])):
            network.to(execution.device).to(memory_format=torch.channels_last)
        self.ema = MovingAverage(self.model.generator, config.ema_decay)
        self.generator_optimiser = generator_optimiser(self.model, config)
        self.discriminator_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), config.discriminator_rate, config.betas
        )
        wrap: Wrap = torch.compile if execution.compile else lambda module: module
        self.model.wrap(wrap)
        discriminator = wrap(self.discriminator)
        # Gradients are averaged over ranks for what learns. In the generator's step the discriminator does not.
        self.ddp_model, self.ddp_discriminator = spread(self.model), spread(discriminator)
        self.objective = Objective(config, discriminator, wrap(backbone) if backbone else None, execution.autocast)

    def train_step(
        self,
        photo: Tensor,
        target: Tensor,
        style: Tensor,
        matte: Tensor,
        reduce: Tensor | None = None,
        by_artist: Tensor | None = None,
        *,
        logged: bool = True,
    ) -> Scores:
        """One step of both networks on a batch: photo (B, 3, H, W), target (B, 1, H, W) in [-1, 1], style (B,), matte
        (B, 1, H, W) in [0, 1] of the photo, all on the host.

        `reduce` (B,) says how many times smaller the losses of each sample are computed, `by_artist` (B,) whether an
        artist drew its target; without them none is smaller, and artists drew all.

        Returns the step's figures if it is `logged`, else none: to read them is to wait for the device. Which samples
        belong together is decided on the host, so a step reads nothing back but whether its loss is finite.
        """
        device = self.execution.device
        reduce = torch.ones_like(style) if reduce is None else reduce
        by_artist = torch.ones_like(style, dtype=torch.bool) if by_artist is None else by_artist
        self._set_rates()

        rng = torch.Generator().manual_seed(seed_of(self.config.seed, 3, self.step))
        drawn = styles_to_draw(style, len(self.model.generator.config.styles), self.config, rng)
        has_target = drawn == style
        # With the photo the discriminator would know that no artist of this style drew that person.
        shown = has_target & by_artist & self.model.paired
        photo, target, matte, style_index = (to_device(tensor, device) for tensor in (photo, target, matte, style))
        drawn_index = style_index if drawn is style else to_device(drawn, device)
        seen = photo if shown.all() else photo * to_device(shown, device)[:, None, None, None]
        with self.execution.autocast():
            drawing: Drawing = self.ddp_model(photo, target, style_index, drawn_index, matte, rng)
            # A sketch in another style than its pair's has that style's detail.
            drawn_reduce = torch.where(has_target, reduce, self.reduce[drawn])
            fake = scale_groups(drawn_reduce, seen, drawing.sketch, target, drawn, has_target)
            # What a network drew is never real.
            real = scale_groups(reduce, seen, target, target, style, has_target, by_artist)
            parts = [self._discriminator_loss(group, 1.0) for group in real]
            parts += [self._discriminator_loss(group, 0.0) for group in fake]
        discriminator_loss = torch.stack(parts).sum()
        self.discriminator_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(discriminator_loss)
        self.discriminator_optimiser.step()

        self.discriminator.requires_grad_(False)
        terms = drawing.terms | self.objective.terms(fake, rng)
        if self.config.losses.checkerboard:
            terms["checkerboard"] = losses.checkerboard(drawing.sketch)
        if self.config.losses.stripes:
            terms["stripes"] = losses.stripes(drawing.sketch)
        if self.config.losses.likeness:
            weight = to_device(self.likeness[drawn], device)
            terms["likeness"] = (weight * losses.likeness(drawing.sketch, photo, matte)).mean()
        total = self.objective.total(terms)
        self.generator_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        self.generator_optimiser.step()
        self.discriminator.requires_grad_(True)
        self._count()
        figures = {**terms, "total": total, "discriminator": discriminator_loss}
        scores = average(figures | drawing.figures()) if logged else {}
        self._check(scores["total"] if logged else total.item())
        return scores

    def _check(self, total: float) -> None:
        """Raise `MostSketchError` for a loss that is not finite. After all else of a step: the device is waited for."""
        if not isfinite(total):
            raise MostSketchError(
                f"the loss is no longer finite at step {self.step}; resume from the last checkpoint "
                "with --precision fp32, or start again with lower learning rates"
            )

    def _count(self) -> None:
        """A step is done."""
        if rank() == 0:
            self.ema.update_parameters(self.model.generator)
        self.step += 1

    def _discriminator_loss(self, group: ScaleGroup, label: float) -> Tensor:
        """The group's part of the discriminator's loss, for sketches that are real (label 1) or drawn (0)."""
        logits = self.ddp_discriminator(group.photo, group.sketch.detach(), group.style)
        return group.weight * self.objective.gan_loss.discriminator_loss(logits.float(), label)

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
    def learning_rate(self) -> float:
        """The generator's, of the last step."""
        return float(self.generator_optimiser.param_groups[0]["lr"])

    @property
    def averaged(self) -> AnyGenerator:
        """The generator with the moving-average weights, which sheets, scores and released files are made with."""
        return cast(AnyGenerator, self.ema.module)

    @property
    def sketch_encoder(self) -> Encoder | None:
        """The sketch encoder, by which the memory is updated; None in networks without."""
        return getattr(self.model, "sketch_encoder", None)

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
            "model": self.model.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "ema": self.ema.state_dict(),
            "generator_optimiser": self.generator_optimiser.state_dict(),
            "discriminator_optimiser": self.discriminator_optimiser.state_dict(),
            "scales": self.backbone.scales if self.backbone else None,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state that `state` returned, in place."""
        self.step = int(state["step"])
        for name in ("model", "discriminator", "ema"):
            getattr(self, name).load_state_dict(state[name])
        self.generator_optimiser.load_state_dict(state["generator_optimiser"])
        self.discriminator_optimiser.load_state_dict(state["discriminator_optimiser"])
        if self.backbone is not None and state["scales"] is not None:
            self.backbone.take_scales(state["scales"])


class MovingAverage(AveragedModel):
    """The exponential moving average of a generator's weights, as it draws: without dropout.

    Its memory grows with the run, so that early sheets show the run, not its start. The generator's buffers are copied.
    """

    def __init__(self, generator: nn.Module, decay: float) -> None:
        super().__init__(generator)
        self.decay = decay
        self.eval()

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """As torch's, which copies its count to the device and has to read it there."""
        updates = int(self.n_averaged)
        kept = min(self.decay, (1 + updates) / (10 + updates)) if updates else 0.0
        torch._foreach_lerp_(list(self.module.parameters()), list(model.parameters()), 1 - kept)
        for ours, theirs in zip(self.module.buffers(), model.buffers(), strict=True):
            ours.copy_(theirs)
        self.n_averaged += 1
