"""The generator of MOST-Net, read bottom-up: decoder, then the whole network. Paper: Fig. 2 (a)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from most_sketch.network.config import ModelConfig
from most_sketch.network.detail import (
    DetailDecoder,
    DetailEncoder,
    MatteRefinement,
    without_checkerboard,
)
from most_sketch.network.encoder import Encoder
from most_sketch.network.injection import StyleInjectionBlock
from most_sketch.network.layers import PictureConv, ResidualBlock, UpsamplingBlock
from most_sketch.network.matte import Matte, clear_paper, cut_out
from most_sketch.network.memory import Constant, Memory
from most_sketch.network.warp import Warp


def pad_to_stride(image: Tensor, stride: int) -> Tensor:
    """Pad bottom and right evenly with top and left by replication, up to the next multiple of the stride.

    (B, C, H, W) -> (B, C, H', W'). `crop_to` undoes it exactly.
    """
    height, width = image.shape[-2:]
    down, across = -height % stride, -width % stride
    return F.pad(image, (across // 2, across - across // 2, down // 2, down - down // 2), mode="replicate")


def crop_to(image: Tensor, height: int, width: int) -> Tensor:
    """Cut the middle out of a padded image. (B, C, H', W') -> (B, C, height, width)."""
    top, left = (image.shape[-2] - height) // 2, (image.shape[-1] - width) // 2
    return image[..., top : top + height, left : left + width]


class Decoder(nn.Module):
    """Residual blocks that double the resolution, then an output convolution. Paper: section III-A.

    features (B, c, H / s, W / s) of feature stride s, and the photo's stem, as `Generator.encode` has it -> sketch
    (B, 1, H, W) in [-1, 1].
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, stride = config.channels, config.feature_stride
        self.blocks = nn.Sequential(*(ResidualBlock(width, width) for _ in range(config.decoder_blocks)))
        self.upsample = nn.ModuleList()
        while stride > config.stem_stride:
            stride //= 2
            last = stride == config.stem_stride
            narrower = config.stem_channels if last else max(width // 2, config.stem_channels)
            self.upsample.append(UpsamplingBlock(width, narrower, config.stem_channels if last and config.skip else 0))
            width = narrower
        self.skip = config.skip
        self.detail = (
            DetailDecoder(width, config.detail_channels, config.feature_stride) if config.detail_channels else None
        )
        shuffle = 1 if config.detail_channels else config.stem_stride
        self.output = PictureConv(
            width, config.output_channels * shuffle**2, 7, config.feature_stride // config.stem_stride
        )
        self.shuffle = nn.PixelShuffle(shuffle)
        finish = nn.Sequential(nn.LeakyReLU(0.2), PictureConv(config.output_channels, 1, 5, config.feature_stride))
        self.finish = nn.Identity() if config.output_channels == 1 else finish

    def forward(self, features: Tensor, stem: tuple[Tensor, ...]) -> Tensor:
        features = self.blocks(features)
        first, *details = stem
        *inner, last = self.upsample
        for block in inner:
            features = block(features)
        features = last(features, first if self.skip else None)
        if self.detail is None:
            return torch.tanh(self.finish(self.shuffle(self.output(features))))
        enlarged = F.interpolate(self.output(features), scale_factor=2.0, mode="bilinear")
        return without_checkerboard(torch.tanh(enlarged + self.detail(features, *details)))


class Renderer(nn.Module):
    """Style injection and decoder: all of the network that comes after the memory.

    photo features (B, c, h, w), style map (B, c, h, w), photo stem -> sketch (B, 1, H, W) in [-1, 1]. Where the
    network has a matte, its logits (B, 1, h, w) cut the person out of all three.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.injection = nn.ModuleList(
            StyleInjectionBlock(config.channels, config.injection_channels, config.modulation_kernel)
            for _ in range(config.injection_blocks)
        )
        self.decoder = Decoder(config)

    def forward(
        self, features: Tensor, style_map: Tensor, stem: tuple[Tensor, ...], matte: Tensor | None = None
    ) -> Tensor:
        if matte is not None:
            features, style_map, stem = cut_out(matte, features, style_map, stem)
        for block in self.injection:
            features = block(features, style_map)
        sketch: Tensor = self.decoder(features, stem)
        return sketch


class Generator(nn.Module):
    """MOST-Net as it draws: photo encoder, memory, style injection, decoder. Paper: Fig. 2 (a), blue path.

    The sketch encoder, which only training needs, is not part of it (see `training`).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.warp = Warp(config.warp_domains) if config.warp_domains else None
        self.photo_encoder = Encoder(3, config)
        styles, slots, channels = len(config.styles), config.slots, config.channels
        self.memory: Memory | Constant = (
            Memory(styles, slots, channels, config.temperature, config.aligned_start, config.style_offsets)
            if config.memory
            else Constant(styles, channels)
        )
        self.detail = DetailEncoder(config.detail_channels) if config.detail_channels else None
        self.matte = Matte(config.channels, config.matte_context) if config.matting else None
        self.matte_refinement = (
            MatteRefinement(config.stem_channels, config.detail_channels)
            if config.matting and config.detail_channels
            else None
        )
        self.renderer = Renderer(config)
        self.paper = (1.0,) * len(config.styles)
        """Tone of each style's paper, in [-1, 1]: white, but of styles that were taught and have another."""
        self.own_renderers = nn.ModuleDict()
        """Of styles that were taught and have one of their own, by the style's index. No file of weights has any."""

    def forward(self, photo: Tensor, style: Tensor) -> Tensor:
        """Draw. photo (B, 3, H, W) RGB in [-1, 1] of any size, style (B,) index -> (B, 1, H, W) in [-1, 1]."""
        height, width = photo.shape[-2:]
        features, stem = self.encode(photo)
        style_map = self.memory.read(features, style).to(features.dtype)
        if not self.own_renderers:
            return crop_to(self.render(features, style_map, stem, self._paper_of(style)), height, width)
        order: list[int] = []
        drawn = []
        for renderer, places in self._places_by_renderer(style).items():
            order += places
            paper = self._paper_of(style[places])
            own = [part[places] for part in (features, style_map, *stem)]
            drawn.append(self.render(own[0], own[1], tuple(own[2:]), paper, renderer))
        sketches = torch.cat(drawn)[torch.tensor(order, device=style.device).argsort()]
        return crop_to(sketches, height, width)

    def person(self, photo: Tensor) -> Tensor | None:
        """How surely each place of a photo (B, 3, H, W) shows the person: (B, 1, h, w) in [0, 1], by the matte alone.

        A place is as large as a feature; where the stride does not divide the photo, the first begins before it, as
        `pad_to_stride` has it. None without a matte.
        """
        if self.matte is None:
            return None
        sureness: Tensor = torch.sigmoid(self.matte(self.encode(photo)[0]))
        return sureness

    def encode(self, photo: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Features of a photo (B, 3, H, W) in [-1, 1], bent where the network has a warp, and its stem.

        That is the stem's features and, in a network that has it, the photo's detail.
        """
        photo = photo if self.warp is None else self.warp(photo)
        return self.encode_padded(pad_to_stride(photo, self.config.feature_stride))

    def encode_padded(
        self, photo: Tensor, encoder: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """As `encode`, of a photo whose sides are multiples of the feature stride; `encoder` is its own if none."""
        features, stem = (self.photo_encoder if encoder is None else encoder)(photo)
        return features, (stem,) if self.detail is None else (stem, self.detail(photo))

    def refine(self, matte: Tensor, stem: tuple[Tensor, ...]) -> Tensor:
        """A matte's logits (B, 1, h, w) at full resolution, if the network has a photo's detail, else as they are."""
        if self.matte_refinement is None:
            return matte
        refined: Tensor = self.matte_refinement(matte, *stem)
        return refined

    def render(
        self,
        features: Tensor,
        style_map: Tensor,
        stem: tuple[Tensor, ...],
        paper: Tensor | float = 1.0,
        renderer: nn.Module | None = None,
    ) -> Tensor:
        """All that comes after the memory: what `Renderer` takes, without the matte -> sketch (B, 1, H, W).

        `paper` is the tone in [-1, 1] of what is around the person: one, or (B, 1, 1, 1). `renderer` is the network's
        own if there is none.
        """
        renderer = self.renderer if renderer is None else renderer
        if self.matte is None:
            sketch: Tensor = renderer(features, style_map, stem)
            return sketch
        matte = self.matte(features)
        return clear_paper(self.refine(matte, stem), renderer(features, style_map, stem, matte), paper)

    def _places_by_renderer(self, style: Tensor) -> dict[nn.Module, list[int]]:
        """The renderers of styles (B,), each with the places in the batch that it draws."""
        owns = dict(self.own_renderers.items())
        places: dict[nn.Module, list[int]] = {}
        for place, index in enumerate(style.tolist()):
            places.setdefault(owns.get(str(index), self.renderer), []).append(place)
        return places

    def _paper_of(self, style: Tensor) -> Tensor | float:
        """The tone of the paper of styles (B,), as `render` takes it."""
        if self.matte is None or all(tone == 1 for tone in self.paper):
            return 1.0
        return torch.tensor(self.paper, device=style.device)[style].view(-1, 1, 1, 1)
