"""Frozen descriptions of a network and of a training run, with presets, to and from plain dicts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

from most_sketch.errors import InputError, WeightsError

ARCHITECTURES = ("most-net", "pix2pix")
STYLE_NAME = re.compile(r"\w[\w +-]{0,39}")
"""What a style may be called: names come from weights files too, and become part of the names of sketches."""
MAX_STYLES, MAX_WIDTH, MAX_BLOCKS = 256, 1 << 14, 64
"""Far beyond any use; a hostile weights file cannot make us build a network of a billion layers."""
FEATURE_STRIDE = 4
"""Photo pixels per feature: both encoders work down to a quarter of the resolution."""


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a MOST-Net; rides in the metadata of every weights file.

    The defaults are what a file that leaves a field out means; `PRESETS` has ours, the paper's and the baseline's.
    """

    styles: tuple[str, ...] = ("pencil",)
    """Names of the memories, one for each drawing style. The first is the default style."""
    architecture: str = "most-net"
    """`most-net`, or `pix2pix`: the U-Net that the paper compares with, of which only `stem_channels` matters."""
    channels: int = 128
    """Width c of photo and sketch features."""
    stem_channels: int = 64
    """Width of the encoders' first convolution and of the decoder's last stage."""
    stem_stride: int = 2
    """Stride of the encoders' first convolution, 1 or 2.
    Departure: 2, with a pixel-shuffle last step in the decoder; half of the paper-sized network's
    time would go into its full-resolution layers."""
    encoder_blocks: int = 2
    """Residual blocks of each encoder at the feature resolution."""
    context_blocks: int = 0
    """Residual blocks of each encoder at a sixteenth of the resolution, which see nearly the whole picture: hair or a
    dark background is a question of what is around it. Beyond the paper. They begin as adding nothing."""
    matting: bool = False
    """Tell the person from the background, learnt from masks, and draw the person only. Beyond the paper."""
    slots: int = 256
    """Key-value pairs K in each style's memory."""
    temperature: float = 0.05
    """Softmax temperature of attentive reading and memory refinement.
    Departure: with the paper's raw cosines (temperature 1) the read is nearly the mean of all values:
    simulated with K = 512, c = 256 its spatial variation is 0.4% of the values' own."""
    aligned_start: bool = True
    """Start the slots with photo and sketch features of the same place (paper: at random)."""
    injection_blocks: int = 3
    """Style-injection residual blocks."""
    injection_channels: int = 64
    """Hidden width between the style map and its gamma and beta."""
    decoder_blocks: int = 1
    """Residual blocks of the decoder before each upsampling."""
    output_channels: int = 1
    """Channels of the pixel shuffle. With more than one, a convolution at full resolution makes the sketch of
    them, which can take out the fine grid that the shuffle alone leaves in dark places."""
    skip: bool = True
    """Hand the photo encoder's first features to the decoder's last stage.
    The paper calls its backbone similar to U-Net; without it eyes and glasses blur."""

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ValueError(f"architecture must be one of {ARCHITECTURES}, not {self.architecture!r}")
        if self.architecture == "pix2pix" and len(self.styles) > 1:
            raise ValueError("pix2pix draws in one style only")
        if not 1 <= len(self.styles) <= MAX_STYLES or len(set(self.styles)) != len(self.styles):
            raise ValueError(f"styles must be 1 to {MAX_STYLES} different names, not {len(self.styles)}: {self.styles}")
        for name in self.styles:
            if not STYLE_NAME.fullmatch(name):
                raise ValueError(f"a style's name is up to 40 letters, digits, _, + and -, not {name!r}")
        if self.stem_stride not in (1, 2):
            raise ValueError(f"stem_stride must be 1 or 2, not {self.stem_stride}")
        if not 1e-3 <= self.temperature <= 1e3:
            raise ValueError(f"temperature must be from 0.001 to 1000, not {self.temperature}")
        for name in ("channels", "stem_channels", "slots", "injection_channels", "output_channels"):
            if not 1 <= getattr(self, name) <= MAX_WIDTH:
                raise ValueError(f"{name} must be from 1 to {MAX_WIDTH}, not {getattr(self, name)}")
        for name in ("encoder_blocks", "context_blocks", "injection_blocks", "decoder_blocks"):
            if not 0 <= getattr(self, name) <= MAX_BLOCKS:
                raise ValueError(f"{name} must be from 0 to {MAX_BLOCKS}, not {getattr(self, name)}")

    def style_index(self, style: str | None) -> int:
        """The place of a style's memory; None is the first. Raises `InputError` that lists what there is."""
        if style is None:
            return 0
        if style not in self.styles:
            raise InputError(f"no style {style!r} in these weights; there is {', '.join(self.styles)}")
        return self.styles.index(style)


@dataclass(frozen=True)
class LossWeights:
    """The lambdas of the full objective. The defaults are the paper's: Eq. 16 and section IV-A."""

    adversarial: float = 1.0
    reconstruction: float = 200.0
    style: float = 40.0
    content: float = 40.0
    memory_refinement: float = 10.0
    feature_matching: float = 0.0
    """Of the discriminator's features. Beyond the paper."""
    matte: float = 20.0
    """Of person and background, where the network tells them apart (`matting`). Beyond the paper."""


@dataclass(frozen=True)
class TrainConfig:
    """All that decides a training run besides the network and the data; rides in the training state.

    The defaults are what a record that leaves a field out means; `PRESETS` has ours, the paper's and the baseline's.
    """

    steps: int = 3000
    batch_size: int = 4
    """Of all ranks together."""
    seed: int = 0
    generator_rate: float = 4e-4
    discriminator_rate: float = 2e-4
    """Departure: with few steps the paper's .001 lets the discriminator win at once."""
    betas: tuple[float, float] = (0.5, 0.999)
    decay_from: float = 0.5
    """Share of the steps after which both learning rates fall linearly to zero; 1 keeps them constant."""
    ema_decay: float = 0.998
    memory_decay: float = 0.99
    """Alpha of Eq. 6. Departure: the paper's .999 needs its 17,000 steps."""
    fixed_memory: bool = False
    """Leave the memory as `--init` brought it, without sketch encoder and memory refinement: what weights to
    draw with, which hold no sketch encoder, can be trained on with."""
    reseed_after: int = 200
    """Updates of its own style that a slot may go without a vote before it is started anew; 0 never."""
    losses: LossWeights = LossWeights()
    perceptual_crop: int | None = None
    """Side of the random square on which the VGG losses are taken; None takes the whole frame.
    The crop's expectation is the whole frame's loss, at a fraction of the time on a CPU."""
    unit_features: bool = False
    """Compare only the directions of VGG features at each place, as LPIPS does: the faint strokes of hair and cheeks
    then count as much as outlines. Beyond the paper; it brings the texture."""
    discriminator_channels: int = 64
    """Width of the discriminator's first layer; the last has eight times as many."""
    shares: tuple[int, ...] = (1,)
    """Turns of each style among the samples, in the order of the styles; 1 for those not named."""
    cross_style: float = 0.0
    """Share of the drawings made in another style than their pair's, which has no sketch of that style: only the
    discriminator, without the photo, and the content loss judge them. It teaches a style with studio photos, say,
    to draw the photos of the others. One of each rank's share of a batch is left. Beyond the paper."""
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
    background: float = 0.6
    """Share of photos that get another background, where the run has pictures for it."""
    shadow: float = 0.0
    """Share of photos with one side in shadow; likewise the next three."""
    blur: float = 0.0
    noise: float = 0.0
    jpeg: float = 0.0


PRESETS: dict[str, tuple[ModelConfig, TrainConfig]] = {
    # Departure: with unit features these weights pull at the sketch within a factor of ten as hard as each other. With
    # the paper's, on features divided by their layer's scale, content alone is heard (docs/experiments.md).
    "ours": (
        ModelConfig(output_channels=8),
        TrainConfig(losses=LossWeights(adversarial=2, style=80, content=30), unit_features=True),
    ),
    # The letter of the paper, section IV-A; its thousand epochs of CUFS are about 17,000 steps.
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
            memory_decay=0.999,
            reseed_after=0,
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
}
"""Networks by name, each with the settings it is trained with."""

Config = TypeVar("Config", ModelConfig, TrainConfig, LossWeights)


def to_dict(config: ModelConfig | TrainConfig | LossWeights) -> dict[str, Any]:
    """A plain dict that JSON can hold; `from_dict` is its inverse."""
    return asdict(config)


def from_dict(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """Build a config from a plain dict that may come from an untrusted file.

    Missing fields take their defaults. Unknown fields and values of another type raise `WeightsError`.
    """
    known = {field.name: field.default for field in fields(kind)}
    for name in values:
        if name not in known:
            raise WeightsError(f"unknown {kind.__name__} field {name!r}; written by a newer most-sketch?")
    converted: dict[str, Any] = {}
    for name, value in values.items():
        default = known[name]
        try:
            converted[name] = _like(default, value)
        except (TypeError, ValueError) as error:
            raise WeightsError(f"{kind.__name__} field {name!r} has the unusable value {value!r}") from error
    try:
        return replace(kind(), **converted)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{kind.__name__}: {error}") from error


def override(model: ModelConfig, train: TrainConfig, values: Mapping[str, Any]) -> tuple[ModelConfig, TrainConfig]:
    """Change fields of a model, a training run or its loss weights by name, `losses` apart.

    No two of the three have a field of the same name. Raises `InputError` for an unknown name or a value
    that does not fit.
    """
    kinds = {field.name: kind for kind in (ModelConfig, TrainConfig, LossWeights) for field in fields(kind)}
    del kinds["losses"]
    changes: dict[type, dict[str, Any]] = {ModelConfig: {}, TrainConfig: {}, LossWeights: {}}
    for name, value in values.items():
        if name not in kinds:
            raise InputError(f"no setting is named {name!r}; there are {', '.join(sorted(kinds))}")
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


def _like(default: object, value: Any) -> object:
    """`value` as the type of `default`, without accepting anything that would change its meaning."""
    if isinstance(default, LossWeights):
        return from_dict(LossWeights, value)
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple):
            raise TypeError
        return tuple(_like(default[0], item) for item in value)
    if isinstance(default, bool) or isinstance(value, bool):
        if type(default) is not type(value):
            raise TypeError
        return value
    if default is None:
        if value is not None and not isinstance(value, int):
            raise TypeError
        return value
    if isinstance(default, float) and isinstance(value, int | float):
        return float(value)
    if not isinstance(value, type(default)):
        raise TypeError
    return value
