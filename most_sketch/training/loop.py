"""The training loop of MOST-Net, top to bottom: one step of both players, then the run around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from most_sketch.checkpoints.weights import load_weights
from most_sketch.distribution import anywhere, average, rank, ranks, spread, wait_for_all
from most_sketch.errors import InputError, MostSketchError, WeightsError
from most_sketch.evaluation.metrics import Metric, fsim, l1, ssim
from most_sketch.network.build import AnyGenerator
from most_sketch.network.config import ModelConfig
from most_sketch.network.discriminator import PatchDiscriminator
from most_sketch.pairs.pairs import Pair, find_pairs, hold_out, load_pair
from most_sketch.photo.images import to_image, to_levels
from most_sketch.training import losses
from most_sketch.training.architectures import ARCHITECTURES, Wrap
from most_sketch.training.augmentation import Backgrounds
from most_sketch.training.config import TrainConfig
from most_sketch.training.perceptual import PerceptualBackbone, load_backbone
from most_sketch.training.runs import Run, RunRecord
from most_sketch.training.samples import PairSet, StyleSampler, seed_of, turns_of
from most_sketch.training.sheets import contact_sheet

LOG_EVERY = 10
SHEET_ROWS = 12
CALIBRATION_SKETCHES = 32

Scores = dict[str, float]
QUICK_METRICS: dict[str, Metric] = {"l1": l1, "ssim": ssim}
FINAL_METRICS: dict[str, Metric] = {**QUICK_METRICS, "fsim": fsim}


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


class Trainer:
    """All that a training run changes: networks, memory, optimisers, moving average, and the step they are at."""

    def __init__(
        self, model: ModelConfig, config: TrainConfig, backbone: PerceptualBackbone | None, execution: Execution
    ) -> None:
        self.config = config
        self.execution = execution
        self.step = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.artist = ARCHITECTURES[model.architecture](model, config)
            self.discriminator = PatchDiscriminator(len(model.styles), config.discriminator_channels)
        self.backbone = backbone
        for network in (self.artist, self.discriminator, *([backbone] if backbone else [])):
            network.to(execution.device).to(memory_format=torch.channels_last)
        self.ema = AveragedModel(self.artist.generator, multi_avg_fn=partial(_moving_average, config.ema_decay))
        self.generator_optimiser = torch.optim.Adam(self.artist.parameters(), config.generator_rate, config.betas)
        self.discriminator_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), config.discriminator_rate, config.betas
        )
        wrap: Wrap = torch.compile if execution.compile else lambda module: module
        self.artist.wrap(wrap)
        self.judge = wrap(self.discriminator)
        # With several ranks each player's own gradients are averaged; those of a judge that stands still are not.
        self.learning_artist, self.learning_judge = spread(self.artist), spread(self.judge)
        self.perceive = wrap(backbone) if backbone else None

    def train_step(self, photo: Tensor, target: Tensor, style: Tensor, matte: Tensor) -> Scores:
        """One step of both players on a batch: photo (B, 3, H, W), target (B, 1, H, W) in [-1, 1], style (B,), matte
        (B, 1, H, W) in [0, 1] of the photo."""
        config, device = self.config, self.execution.device
        photo, target, style, matte = (tensor.to(device, non_blocking=True) for tensor in (photo, target, style, matte))
        self._set_rates()

        chance = torch.Generator().manual_seed(seed_of(config.seed, 3, self.step))
        drawn = self._styles_to_draw(style, chance)
        own = drawn == style
        # A judge that sees the photo would tell by it alone that no artist of this style drew that person.
        seen = photo * own[:, None, None, None]
        with self._autocast():
            drawing = self.learning_artist(photo, target, style, drawn, matte, chance)
            sketch = drawing.sketch
            real = self.learning_judge(seen, target, style)[-1]
            fake = self.learning_judge(seen, sketch.detach(), drawn)[-1]
        discriminator_loss = losses.adversarial_discriminator(real.float(), fake.float())
        self.discriminator_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(discriminator_loss)
        self.discriminator_optimiser.step()

        self.discriminator.requires_grad_(False)
        with self._autocast():
            *features, fake = self.judge(seen, sketch, drawn)
        terms = {
            "adversarial": losses.adversarial_generator(fake.float()),
            "reconstruction": losses.reconstruction(sketch[own], target[own]),
            **self._feature_terms(features, photo, target, style, own),
            **drawing.terms,
            **self._perceptual_terms(sketch, target, own, chance),
        }
        total = torch.stack([getattr(config.losses, name) * term for name, term in terms.items()]).sum()
        if not torch.isfinite(total):
            raise MostSketchError(
                f"the loss is no longer finite at step {self.step + 1}; resume from the last checkpoint "
                "with --precision fp32, or start again with lower learning rates"
            )
        self.generator_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        self.generator_optimiser.step()
        self.discriminator.requires_grad_(True)
        if rank() == 0:
            self.ema.update_parameters(self.artist.generator)
        self.step += 1
        figures = {"total": total.item(), "discriminator": discriminator_loss.item(), **drawing.figures}
        return average({name: term.item() for name, term in terms.items()} | figures, device)

    def _styles_to_draw(self, style: Tensor, chance: torch.Generator) -> Tensor:
        """The style to draw each sample (B,) in: its own, but for some another, by the styles' shares.

        One of the batch keeps its own, so that no batch is without a sketch to compare with.
        """
        count, styles = len(style), len(self.artist.generator.config.styles)
        if not self.config.cross_style or styles == 1 or count == 1:
            return style
        crossed = torch.rand(count, generator=chance) < self.config.cross_style * count / (count - 1)
        crossed[torch.randint(count, (), generator=chance)] = False
        shares = torch.tensor(turns_of(styles, self.config.shares), dtype=torch.float)
        others = shares.expand(count, styles).scatter(1, style.cpu()[:, None], 0)
        drawn = torch.multinomial(others, 1, generator=chance)[:, 0]
        return torch.where(crossed, drawn, style.cpu()).to(style.device)

    def _feature_terms(
        self, features: Sequence[Tensor], photo: Tensor, target: Tensor, style: Tensor, own: Tensor
    ) -> dict[str, Tensor]:
        """Feature matching of the sketches drawn in their `own` style (B,)."""
        if not self.config.losses.feature_matching:
            return {}
        with torch.no_grad(), self._autocast():
            *wanted, _ = self.judge(photo[own], target[own], style[own])
        ours, theirs = [layer[own].float() for layer in features], [layer.float() for layer in wanted]
        return {"feature_matching": losses.feature_matching(ours, theirs)}

    def _perceptual_terms(
        self, sketch: Tensor, target: Tensor, own: Tensor, chance: torch.Generator
    ) -> dict[str, Tensor]:
        """Style loss of the sketches drawn in their `own` style (B,), content loss of all of them."""
        if self.perceive is None:
            return {}
        if side := self.config.perceptual_crop:
            height, width = target.shape[-2:]
            draw = torch.rand(2, generator=chance).tolist()
            top, left = (
                int(part * (max(size - side, 0) + 1)) for part, size in zip(draw, (height, width), strict=True)
            )
            sketch, target = (image[..., top : top + side, left : left + side] for image in (sketch, target))
        with self._autocast():
            with torch.no_grad():
                theirs = [layer.float() for layer in self.perceive(target)]
            ours = [layer.float() for layer in self.perceive(sketch)]
        textures = ([layer[own] for layer in layers[:2]] for layers in (ours, theirs))
        return {"style": losses.style(*textures), "content": losses.content(ours[2], theirs[2])}

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

    def _autocast(self) -> torch.autocast:
        precision = self.execution.precision
        return torch.autocast(self.execution.device.type, precision, enabled=precision != torch.float32)

    @property
    def averaged(self) -> AnyGenerator:
        """The generator with the moving-average weights, which sheets, scores and released files are made with."""
        return cast(AnyGenerator, self.ema.module)

    @torch.no_grad()
    def draw(self, photo: Tensor, style: int) -> Tensor:
        """A photo (3, H, W) with the moving-average weights -> (1, H, W) on the CPU, both in [-1, 1]."""
        index = torch.tensor([style], device=self.execution.device)
        with self._autocast():
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
            self.backbone.scales.copy_(state["scales"])

    @torch.no_grad()
    def begin_with(
        self, theirs: Mapping[str, Tensor], their_discriminator: Mapping[str, Tensor], styles: Sequence[str]
    ) -> None:
        """Begin with the networks of another run, of these styles, as far as they are of one name and shape.

        A style that both runs have keeps its memory, if slots and channels are as many; the others' memories
        begin anew. Raises `WeightsError` if nothing fits, or a memory that is to stay fixed would begin anew.
        """
        ours: dict[str, Tensor] = self.artist.state_dict()
        memories = [name for name in ours if name.startswith("generator.memory.")]
        taken = [name for name in _fitting(ours, theirs) if name not in memories]
        if not taken:
            raise WeightsError("the networks of the run to begin with have another shape in every layer")
        for name in taken:
            ours[name].copy_(theirs[name])
        # As a whole or not at all: a memory that counts as started must have its slots.
        if all(name in theirs and theirs[name].shape[1:] == ours[name].shape[1:] for name in memories):
            for place, style in enumerate(self.artist.generator.config.styles):
                if style in styles:
                    for name in memories:
                        ours[name][place] = theirs[name][styles.index(style)]
        if self.config.fixed_memory and not all(ours[name].all() for name in memories if name.endswith("started")):
            raise WeightsError(f"a fixed memory is that of the weights begun with, which have {', '.join(styles)} only")
        self.ema.module.load_state_dict(self.artist.generator.state_dict())
        # A judge that begins anew would unlearn what the generator has learnt before it can judge it.
        judge: dict[str, Tensor] = self.discriminator.state_dict()
        for name in _fitting(judge, their_discriminator):
            judge[name].copy_(their_discriminator[name])


def _fitting(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> list[str]:
    """The names of tensors that both have in the same shape."""
    return [name for name in ours.keys() & theirs.keys() if theirs[name].shape == ours[name].shape]


@torch.no_grad()
def _moving_average(decay: float, average: list[Tensor], current: list[Tensor], count: Tensor) -> None:
    """Exponential moving average whose memory grows with the run, so that early sheets show the run, not its start."""
    updates = float(count)
    torch._foreach_lerp_(average, current, 1 - min(decay, (1 + updates) / (10 + updates)))


def train(
    run: Run,
    new: RunRecord | None,
    execution: Execution,
    report: Callable[[int, Scores], None],
    stopped: Callable[[], bool],
) -> Scores:
    """Train until the last step, or until `stopped()` after any step; all that matters is in the run's folder.

    Begins the `new` run, or goes on with the one in the folder if that is None. `report` is called after every
    step with the steps done and the step's figures, and after every validation with its scores. Returns the
    last validation's scores (empty if stopped before the end). Raises `InputError` for data that cannot be used.

    With several ranks each draws its share of every batch; the first validates and keeps the files.
    """
    record = new or run.record()
    config = record.train
    splits = [hold_out(find_pairs(root), config.hold_out) for root in record.data.values()]
    pairs, held_out = [training for training, _ in splits], [validation for _, validation in splits]
    for name, training in zip(record.data, pairs, strict=True):
        if not training:
            raise InputError(f"style {name}: no pairs are left to train on; add pairs or use --set hold_out=0")
    if config.batch_size % ranks():
        raise InputError(f"a batch of {config.batch_size} cannot be shared evenly by {ranks()} ranks")
    first = rank() == 0
    dataset = PairSet(pairs, config, Backgrounds(record.backgrounds) if record.backgrounds else None)
    if record.model.matting and not dataset.has_mattes:
        raise InputError("matting is learnt from masks: no photo has one, nor a plain white background")
    backbone = load_backbone(record.perceptual, config.unit_features)
    trainer = Trainer(record.model, config, backbone, execution)
    sampler = StyleSampler([len(style) for style in pairs], config, rank=rank(), ranks=ranks())
    # Before the new folder is made: a wrong --init leaves nothing behind.
    if not run.state_file.exists():
        if record.init:
            trainer.begin_with(*_networks(record.init, config))
        elif config.fixed_memory:
            raise InputError("fixed_memory leaves the memory as --init brought it; give --init")
    if new is not None and first:
        run.begin(new)
    wait_for_all()
    state = run.load_state()
    if state is not None:
        trainer.restore(state)
        if first:
            run.forget_after(trainer.step)
    elif trainer.backbone is not None:
        trainer.backbone.calibrate(dataset.sketches(CALIBRATION_SKETCHES).to(execution.device))

    validation: Scores = {}
    sampler.start = trainer.step
    for batch in DataLoader(dataset, batch_sampler=sampler):
        scores = trainer.train_step(*batch)
        if first:
            report(trainer.step, scores)
        stopping = anywhere(stopped(), execution.device)
        if not first:
            if stopping:
                return {}
            continue
        last = trainer.step == config.steps
        if trainer.step % LOG_EVERY == 0:
            run.log(trainer.step, scores)
        if any(held_out) and (last or trainer.step % execution.validate_every == 0):
            validation, sheet = validate(trainer, held_out, FINAL_METRICS if last else QUICK_METRICS)
            run.log(trainer.step, validation)
            run.save_sheet(trainer.step, sheet)
            report(trainer.step, validation)
        if last or trainer.step % execution.save_every == 0 or stopping:
            run.save(trainer.state(), trainer.averaged, config.hold_out)
        if stopping:
            return {}
    return validation


def _networks(init: str, config: TrainConfig) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor], tuple[str, ...]]:
    """The networks of an earlier run, or the generator of weights to draw with: (artist, discriminator, styles)."""
    run = Run(Path(init))
    if run.exists:
        state = run.state()
        return state["artist"], state["discriminator"], run.record().model.styles
    generator = load_weights(init)
    if not config.fixed_memory:
        raise InputError(f"--init {init}: weights to draw with hold no sketch encoder; add --set fixed_memory=true")
    artist = {f"generator.{name}": tensor for name, tensor in generator.state_dict().items()}
    return artist, {}, generator.config.styles


def validate(
    trainer: Trainer, held_out: Sequence[Sequence[Pair]], metrics: Mapping[str, Metric]
) -> tuple[Scores, Image.Image]:
    """Draw the held-out pairs of every style. Returns mean scores, named `validation_...`, and a sheet."""
    sums = dict.fromkeys(metrics, 0.0)
    rows: list[list[Image.Image]] = []
    count = sum(map(len, held_out))
    for style, pairs in enumerate(held_out):
        shown = {round(place * len(pairs) / SHEET_ROWS * len(held_out)) for place in range(SHEET_ROWS)}
        for place, pair in enumerate(pairs):
            photo, truth = load_pair(pair)
            sketch = to_image(trainer.draw(photo, style))
            if place in shown:
                rows.append([to_image(photo), sketch, to_image(truth)])
            # Scored as it would be saved, in whole grey levels.
            levels = [to_levels([picture]) for picture in (sketch, to_image(truth))]
            for name, metric in metrics.items():
                sums[name] += metric(*levels).item() / count
    return {f"validation_{name}": value for name, value in sums.items()}, contact_sheet(rows)
