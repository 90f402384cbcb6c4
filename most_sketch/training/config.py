"""The settings of a training run, and networks by name with the settings that they are trained with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import inf
from typing import Any

from most_sketch.config import from_dict, to_dict
from most_sketch.errors import InputError, WeightsError, did_you_mean
from most_sketch.network.config import ModelConfig
from most_sketch.saved_names import RENAMED_SETTINGS

SHARE = (0.0, 1.0)
RANGES: dict[str, tuple[float, float]] = {
    "steps": (1, inf),
    "batch_size": (1, inf),
    "seed": (0, 2**63 - 1),
    "crop": (1, inf),
    "perceptual_crop": (16, inf),
    "discriminator_channels": (1, 1 << 14),
    "reseed_after": (0, inf),
    "hold_out": (0, inf),
    "shift": (0, 1000),
    "zoom": (0, 0.9),
    "elastic": (0, 1000),
    "rotate": (0, 180),
    **dict.fromkeys(("generator_rate", "discriminator_rate", "betas", "decay_from"), SHARE),
    **dict.fromkeys(("ema_decay", "memory_decay", "cross_style", "likeness_styles"), SHARE),
    **dict.fromkeys(("tone", "background", "shadow", "blur", "noise", "jpeg", "enlarged"), SHARE),
}
"""Smallest and largest value of those settings that have one."""


@dataclass(frozen=True)
class LossWeights:
    """The lambdas of the full objective. The defaults are the paper's: Eq. 16 and section IV-A."""

    adversarial: float = 1.0
    reconstruction: float = 200.0
    style: float = 40.0
    content: float = 40.0
    memory_refinement: float = 10.0
    ssim: float = 0.0
    """Of 1 - SSIM. Beyond the paper."""
    fsim: float = 0.0
    """Of 1 - FSIM. Beyond the paper."""
    structure: float = 0.0
    """Of VGG features after pool3, between those of style and content. Beyond the paper."""
    checkerboard: float = 0.0
    """Of waves of two pixels along the diagonal, which no artist draws: drawings whose losses are computed at half the
    size say nothing of them. Beyond the paper."""
    stripes: float = 0.0
    """Of rows or columns that alternate, likewise."""
    likeness: float = 0.0
    """Of tones that are not the photo's, for the styles that `likeness_styles` names. Beyond the paper."""
    matte: float = 20.0
    """Of person and background, where the network tells them apart (`matting`). Beyond the paper."""

    cycle: float = 0.0
    """CycleGAN's alone, as the next two: photos and sketches that went there and back are what they were."""
    identity: float = 0.0
    """A sketch drawn once more stays a sketch, and a photo a photo: the identity loss of Zhu et al. 2017."""
    photo_adversarial: float = 0.0
    """Of the photos made of sketches, with a discriminator of photos."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 <= getattr(self, field.name) < inf:
                raise ValueError(f"{field.name} must be a number from 0 up, not {getattr(self, field.name)}")


@dataclass(frozen=True)
class TrainConfig:
    """All that decides a training run besides the network and the data; rides in the training state.

    The defaults are what a record that leaves a field out means; `PRESETS` has ours, the paper's, Pix2Pix's.
    """

    steps: int = 3000
    batch_size: int = 4
    """Of all ranks together."""
    seed: int = 0
    generator_rate: float = 4e-4
    discriminator_rate: float = 2e-4
    """Departure: with few steps the paper's .001 lets the discriminator win at once."""
    betas: tuple[float, float] = (0.5, 0.999)
    muon: bool = False
    """Learn the generator's inner convolutions by Muon (`training.optimisers`), the rest by Adam. Beyond the paper."""
    decay_from: float = 0.5
    """Share of the steps after which both learning rates fall linearly to zero; 1 keeps them constant."""
    ema_decay: float = 0.998
    memory_decay: float = 0.99
    """Alpha of Eq. 6. Departure: the paper's .999 needs its 17,000 steps."""
    reseed_after: int = 200
    """Updates of its own style that a slot may go without a vote before it is started anew; 0 never."""
    hard_refinement: bool = False
    """Compare which slots photo and sketch features pick, as Eq. 14-15 do, instead of their attention."""
    losses: LossWeights = LossWeights()
    crop: int | None = None
    """Side of the random square of each pair that a step sees; None takes the whole frame. On a CPU a step's time
    goes with the area, and what is learnt in it is nearly the same."""
    reduce: tuple[int, ...] = (1,)
    """How many times smaller than drawn the losses of each style are computed, in the order of the styles; 1 for those
    not named. For styles whose drawings have less detail than the frame: enlarged drawings would teach blur."""
    coarse: tuple[str, ...] = ()
    """Databases (folders of pairs) whose drawings have less detail than their style's others, as NAME=N: how many times
    smaller than they are drawn they are compared, instead of what `reduce` says."""
    repeats: tuple[str, ...] = ()
    """Databases whose pairs come more often than their style's others, as NAME=N: N times an epoch."""
    drawn_by_network: tuple[str, ...] = ()
    """Databases whose drawings a network made, to show how a style draws photos that no artist drew. The discriminator
    never takes them for real, nothing is validated with them."""
    perceptual_crop: int | None = None
    """Side of the random square on which the VGG losses are taken; None takes the whole frame.
    The crop's expectation is the whole frame's loss, at a fraction of the time on a CPU."""
    least_squares: bool = False
    """Least squares instead of cross-entropy as the adversarial loss, as in CycleGAN."""
    unit_features: bool = False
    """Compare only the directions of VGG features at each place, as LPIPS does: the faint strokes of hair and cheeks
    then count as much as outlines. Beyond the paper; it brings the texture."""
    discriminator_channels: int = 64
    """Width of the discriminator's first layer; the last has eight times as many."""
    shares: tuple[int, ...] = (1,)
    """Turns of each style among the samples, in the order of the styles; 1 for those not named."""
    cross_style: float = 0.0
    """Share of the drawings made in another style than their pair's. There is no sketch of that style, so only the
    adversarial loss, without the photo, and the content loss apply. It teaches a style with studio photos, say, to
    draw the photos of the others. One sample of each rank's share of a batch keeps its style. Beyond the paper."""
    likeness_styles: tuple[float, ...] = (1.0,)
    """How much of the loss `likeness` sketches of each style have, in the order of the styles; none those not named."""
    train_warp: bool = False
    """Train the warp anew for these pairs (`warp_training`), though `--init` brings one that is trained."""
    hold_out: int = 10
    """Every n-th pair of each database is never trained on, but validated with; 0 trains on all."""
    flip: bool = True
    shift: int = 4
    """Largest shift of photo and sketch together, in pixels."""
    tone: float = 0.15
    """Largest relative change of the photo's brightness, contrast and colour."""
    rotate: float = 0.0
    """Largest rotation of photo and sketch together, in degrees."""
    zoom: float = 0.0
    """Largest relative change of both's size."""
    elastic: float = 0.0
    """Largest distance in pixels by which smooth random bends move places of both."""
    background: float = 0.6
    """Share of photos that get another background, where the run has pictures for it."""
    border: float = 0.0
    """Share of photos that end before the frame does; beyond there is neither person nor drawing."""
    shadow: float = 0.0
    """Share of photos with one side in shadow; likewise the next three."""
    blur: float = 0.0
    noise: float = 0.0
    jpeg: float = 0.0
    enlarged: float = 0.0
    """Share of photos that are made up to six times smaller and enlarged again, as small photos are to be drawn."""

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            setting = getattr(self, name)
            values = setting if isinstance(setting, tuple) else (setting,)
            if not all(value is None or least <= value <= most for value in values):
                bounds = f"from {least:g} up" if most == inf else f"from {least:g} to {most:g}"
                raise ValueError(f"{name} must be {bounds}, not {setting}")
        if len(self.betas) != 2 or max(self.betas) >= 1:
            raise ValueError(f"betas must be two numbers below 1, not {self.betas}")


SCORES = {"l1": "l1", "ssim": "ssim", "fsim": "fsim", "lpips": "lpips_squeeze"}
"""What `best` can be chosen by, and the metric's key."""
LEAST = {"l1", "lpips_squeeze"}
"""Those of which less is better."""


@dataclass(frozen=True)
class Keep:
    """What is kept of a run, and when it ends early. May change when it is resumed."""

    best: str = ""
    """Key of the metric by which the best weights are chosen, at every validation; empty: none are."""
    last: int = 0
    """Weights of so many checkpoints before the newest."""
    patience: int = 0
    """Validations in a row without a better score after which the run ends; 0: never."""

    @property
    def score(self) -> str:
        """The metric that is watched."""
        return self.best or "l1"

    @classmethod
    def parse(cls, text: str, patience: int = 0) -> Keep:
        """From `best:lpips,last:3`. Raises `InputError`."""
        best, last = "", 0
        for item in filter(None, text.split(",")):
            name, _, value = item.partition(":")
            if name == "best" and value in SCORES:
                best = SCORES[value]
            elif name == "last" and value.isdecimal() and int(value) > 0:
                last = int(value)
            else:
                raise InputError(f"--keep {item}: expected best:{'|'.join(SCORES)} or last:N")
        return cls(best, last, patience)


def of_databases(name: str, values: Sequence[str]) -> dict[str, int]:
    """A setting of this name that gives some databases a number, as NAME=N.

    Raises `InputError` for anything else, and for numbers below 1.
    """
    numbers: dict[str, int] = {}
    for value in values:
        database, _, number = value.rpartition("=")
        if not database or not number.isdecimal() or int(number) < 1:
            raise InputError(f"{name}: DATABASE=N with a whole number from 1 up, not {value!r}")
        numbers[database] = int(number)
    return numbers


def of_each_style(name: str, numbers: Sequence[int], styles: int) -> list[int]:
    """The setting of this name for each of so many styles: its number, 1 for those not named.

    Raises `InputError` for more numbers than styles, and for numbers below 1.
    """
    if len(numbers) > styles or min(numbers, default=1) < 1:
        raise InputError(f"{name}: at most one whole number from 1 up for each of {styles} styles, not {list(numbers)}")
    return [*numbers, *[1] * (styles - len(numbers))]


PRESETS: dict[str, tuple[ModelConfig, TrainConfig]] = {
    # Departure: with unit features these weights pull at the sketch within a factor of ten as hard as each other. With
    # the paper's, on features divided by their layer's scale, content alone is heard (docs/log.md).
    "ours": (
        ModelConfig(output_channels=8),
        TrainConfig(losses=LossWeights(adversarial=2, style=80, content=30), unit_features=True),
    ),
    # The letter of the paper, section IV-A; its thousand epochs of CUFS are about 17,000 steps. Where the paper says
    # nothing it is the plainest: no augmentation, the last weights and no average of them, all pairs trained on. What
    # differs from its text all the same, each at its place: the gradient of the argmax (`straight_through_one_hot`),
    # slots without votes stay (`Memory.update`), VGG features divided by their layer's scale (`PerceptualBackbone`),
    # instance normalisation in the discriminator (`PatchDiscriminator`), the content loss of the equation and not of
    # the text (`losses.content`), photos padded to the stride and not to 256 x 256 (`pad_to_stride`).
    "paper": (
        ModelConfig(
            channels=256,
            stem_stride=1,
            encoder_blocks=3,
            slots=512,
            temperature=1.0,
            aligned_start=False,
            injection_channels=128,
            decoder_blocks=2,
            skip=False,
        ),
        TrainConfig(
            steps=17_000,
            batch_size=16,
            discriminator_rate=1e-3,
            betas=(0.9, 0.999),
            decay_from=1.0,
            ema_decay=0.0,
            memory_decay=0.999,
            reseed_after=0,
            hard_refinement=True,
            hold_out=0,
            flip=False,
            shift=0,
            tone=0.0,
        ),
    ),
    # The baseline of Table II, with the losses and the optimiser of Isola et al. 2017.
    "pix2pix": (
        ModelConfig(architecture="pix2pix"),
        TrainConfig(
            generator_rate=2e-4,
            losses=LossWeights(adversarial=1, reconstruction=100, style=0, content=0, memory_refinement=0),
        ),
    ),
    # A row of Table I, with the losses and the optimiser of Zhu et al. 2017.
    "cyclegan": (
        ModelConfig(architecture="cyclegan", encoder_blocks=9),
        TrainConfig(
            batch_size=1,
            generator_rate=2e-4,
            least_squares=True,
            losses=LossWeights(
                adversarial=1,
                reconstruction=0,
                style=0,
                content=0,
                memory_refinement=0,
                cycle=10,
                identity=5,
                photo_adversarial=1,
            ),
        ),
    ),
}
"""Networks by name, each with the settings it is trained with."""


def override(model: ModelConfig, train: TrainConfig, values: Mapping[str, Any]) -> tuple[ModelConfig, TrainConfig]:
    """Change fields of a model, a training run or its loss weights by name, `losses` apart.

    No two of the three have a field of the same name. Raises `InputError` for an unknown name or a value
    that does not fit.
    """
    kinds = {field.name: kind for kind in (ModelConfig, TrainConfig, LossWeights) for field in fields(kind)}
    del kinds["losses"]
    changes: dict[type, dict[str, Any]] = {ModelConfig: {}, TrainConfig: {}, LossWeights: {}}
    for given, value in values.items():
        name = RENAMED_SETTINGS.get(given, given)
        if name not in kinds:
            raise InputError(
                f"no setting is named {given!r}{did_you_mean(given, kinds)}; there are {', '.join(sorted(kinds))}"
            )
        changes[kinds[name]][name] = value
    try:
        return (
            from_dict(ModelConfig, to_dict(model) | changes[ModelConfig]),
            from_dict(
                TrainConfig,
                to_dict(train) | changes[TrainConfig] | {"losses": to_dict(train.losses) | changes[LossWeights]},
            ),
        )
    except WeightsError as error:
        raise InputError(str(error)) from error
