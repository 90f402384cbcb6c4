"""The shape of a network, which travels in its weights file. No torch here: a header is read without it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from most_sketch.errors import InputError, did_you_mean

ARCHITECTURES = ("most-net", "pix2pix", "cyclegan")
STYLE_NAME = re.compile(r"\w[\w +-]{0,39}")
"""What a style may be called: names come from weights files too, and become part of the names of sketches."""
MAX_STYLES, MAX_WIDTH, MAX_BLOCKS = 256, 1 << 14, 64
"""Far beyond any use; a hostile weights file cannot make us build a network of a billion layers."""
FEATURE_STRIDES = (2, 4, 8, 16)
MODULATION_KERNELS = (1, 3)

LARGEST = 1.25
"""How many times larger than its frame a network draws well. Chosen by eye on three portraits, with `most-net`: strokes
at 500 x 625 are as sure as at 400 x 500, and finer. Larger was not looked at."""


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a MOST-Net; rides in the metadata of every weights file.

    The defaults are what a file that leaves a field out means; `PRESETS` has ours, the paper's, Pix2Pix's.
    """

    styles: tuple[str, ...] = ("pencil",)
    """Names of the memories, one for each drawing style. The first is the default style."""
    architecture: str = "most-net"
    """`most-net`, or one that the paper compares with: `pix2pix`, a U-Net, of which only `stem_channels` matters, or
    `cyclegan`, a ResNet, of which `encoder_blocks` does too."""
    channels: int = 128
    """Width c of photo and sketch features."""
    stem_channels: int = 64
    """Width of the encoders' first convolution and of the decoder's last stage."""
    stem_stride: int = 2
    """Stride of the encoders' first convolution, 1 or 2.
    Departure: 2, with a pixel-shuffle last step in the decoder; half of the paper-sized network's
    time would go into its full-resolution layers."""
    feature_stride: int = 4
    """Photo pixels per feature, along each side: 4 for drawings of 200 x 250, 8 for 400 x 500."""
    frame_height: int | None = None
    """Height of the frames that the network was trained in, in pixels: it draws best at that size and a little beyond.
    None, in weights that do not say: it draws a photo at whatever size it comes."""
    encoder_blocks: int = 2
    """Residual blocks of each encoder at the feature resolution."""
    context_blocks: int = 0
    """Residual blocks of each encoder at a quarter of that resolution, which see nearly the whole picture: hair or a
    dark background is a question of what is around it. Beyond the paper. They begin as adding nothing."""
    warp_domains: int = 0
    """Databases whose drawings lie elsewhere than their photos, each in its own way. Photos are bent to where such a
    drawing would lie, before they are drawn (`network.warp`). 0 leaves them. Beyond the paper."""
    matting: bool = False
    """Tell the person from the background, learnt from masks, and draw the person only. Beyond the paper."""
    matte_context: int = 0
    """Residual blocks at a quarter of the features' resolution by which that looks around: what leaves or walls are is
    plain from afar. They begin as adding nothing."""
    memory: bool = True
    """Read the style map from the memory. False puts one learnt feature for each style at every place instead: an
    ablation of ours, which tells what the memory carries. Its sketch encoder and `slots` then have no part."""
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
    modulation_kernel: int = 3
    """Side of the convolution that makes gamma and beta of the hidden layer, in pixels. With 1 instead of 3 a network
    of 192 channels draws in 10 % less time."""
    decoder_blocks: int = 1
    """Residual blocks of the decoder before each upsampling."""
    output_channels: int = 1
    """Channels of the pixel shuffle. With more than one, a convolution at full resolution makes the sketch of
    them, which can take out the fine grid that the shuffle alone leaves in dark places."""
    detail_channels: int = 0
    """Width of a thin last stage at full resolution, for which the rest of the network sees the photo, and draws, at
    half the size. 0 has none. Beyond the paper: of the time that a decoder takes at full resolution it needs a sixth,
    and it leaves no grid, as a pixel shuffle does."""
    style_offsets: bool = False
    """Bring what is read from the memory to unit variance, and add a learnt feature of the style. Beyond the paper.
    Measured: values grow without bound as training goes on (standard deviation 10 in `most-net-cufs`), and the hidden
    layers of style injection die under them: its second injections have never left their random start. A network like
    that ignores its memory, and new styles stay alike."""
    skip: bool = True
    """Hand the photo encoder's first features to the decoder's last stage.
    The paper calls its backbone similar to U-Net; without it eyes and glasses blur."""

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ValueError(f"architecture must be one of {ARCHITECTURES}, not {self.architecture!r}")
        if self.architecture != "most-net" and len(self.styles) > 1:
            raise ValueError(f"{self.architecture} draws in one style only")
        if not 1 <= len(self.styles) <= MAX_STYLES or len(set(self.styles)) != len(self.styles):
            raise ValueError(f"styles must be 1 to {MAX_STYLES} different names, not {len(self.styles)}: {self.styles}")
        for name in self.styles:
            if not STYLE_NAME.fullmatch(name):
                raise ValueError(f"a style's name is up to 40 letters, digits, _, + and -, not {name!r}")
        if self.stem_stride not in (1, 2):
            raise ValueError(f"stem_stride must be 1 or 2, not {self.stem_stride}")
        if self.detail_channels and (self.stem_stride != 2 or self.output_channels != 1):
            raise ValueError("detail_channels needs stem_stride 2 and output_channels 1")
        if self.style_offsets and not self.memory:
            raise ValueError("style_offsets are added to what is read from a memory, which this network has not")
        if self.modulation_kernel not in MODULATION_KERNELS:
            raise ValueError(f"modulation_kernel must be one of {MODULATION_KERNELS}, not {self.modulation_kernel}")
        if self.frame_height is not None and not 1 <= self.frame_height <= MAX_WIDTH:
            raise ValueError(f"frame_height must be from 1 to {MAX_WIDTH}, not {self.frame_height}")
        if self.feature_stride not in FEATURE_STRIDES:
            raise ValueError(f"feature_stride must be one of {FEATURE_STRIDES}, not {self.feature_stride}")
        if not 1e-3 <= self.temperature <= 1e3:
            raise ValueError(f"temperature must be from 0.001 to 1000, not {self.temperature}")
        for name in ("channels", "stem_channels", "slots", "injection_channels", "output_channels"):
            if not 1 <= getattr(self, name) <= MAX_WIDTH:
                raise ValueError(f"{name} must be from 1 to {MAX_WIDTH}, not {getattr(self, name)}")
        counts = ("warp_domains", "encoder_blocks", "context_blocks", "injection_blocks", "decoder_blocks")
        for name in (*counts, "detail_channels", "matte_context"):
            if not 0 <= getattr(self, name) <= MAX_BLOCKS:
                raise ValueError(f"{name} must be from 0 to {MAX_BLOCKS}, not {getattr(self, name)}")

    def drawn_height(self, height: float) -> float:
        """How high the frame is in what a network draws well, where it is this high in the photo, in pixels."""
        frame = self.frame_height
        return height if frame is None else min(max(height, frame), round(LARGEST * frame))

    def drawn_size(self, size: tuple[int, int], frame_height: float) -> tuple[int, int]:
        """Width and height at which a network draws a picture of this size, in which the frame is so high."""
        scale = self.drawn_height(frame_height) / frame_height
        # A difference that rounding makes is no reason to resample.
        return size if abs(scale - 1) < 1e-6 else (round(size[0] * scale), round(size[1] * scale))

    def style_index(self, style: str | None) -> int:
        """The place of a style's memory; None is the first. Raises `InputError` that lists what there is."""
        if style is None:
            return 0
        if style not in self.styles:
            known = ", ".join(self.styles)
            raise InputError(f"no style {style!r} in these weights; there is {known}{did_you_mean(style, self.styles)}")
        return self.styles.index(style)
