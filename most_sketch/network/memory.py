"""The memory dictionary: pairs of photo feature and sketch feature, updated without gradients.

Paper: section III-B, Eq. 1-9. Ours beyond the paper: one dictionary for each named style, all held in one
tensor, so that a batch of mixed styles is updated and read at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from most_sketch import distribution
from most_sketch.device import to_device


def to_slots(features: Tensor) -> Tensor:
    """Divide a feature map into its places. (B, C, H, W) -> (B, N, C) float32, N = H * W. Paper: Eq. 2-3."""
    return features.flatten(2).transpose(1, 2).float()


def similarity(features: Tensor, slots: Tensor) -> Tensor:
    """Cosine of every feature with every slot. (B, N, C), (B, K, C) -> (B, N, K) in [-1, 1]. Paper: Eq. 4."""
    return F.normalize(features, dim=-1) @ F.normalize(slots, dim=-1).transpose(1, 2)


def straight_through_one_hot(cosines: Tensor) -> Tensor:
    """One for the most similar slot of every place and zero for all others. (B, N, K) -> (B, N, K). Paper: Eq. 14-15.

    An argmax has no gradient; the cosines are given that of the result, as if it were they. Reference: Bengio et al.
    2013.
    """
    chosen = torch.zeros_like(cosines).scatter_(-1, cosines.argmax(dim=-1, keepdim=True), 1.0)
    # In this order the ones are exactly one: of two that agree the difference has no sign.
    return chosen + (cosines - cosines.detach())


class Memory(nn.Module):
    """S dictionaries of K key-value pairs. Always float32, never touched by gradients.

    Keys (S, K, C) hold photo features, values (S, K, C) the sketch features of the same kind of place.
    """

    keys: Tensor
    values: Tensor
    started: Tensor
    idle: Tensor

    def __init__(
        self,
        styles: int,
        slots: int,
        channels: int,
        temperature: float,
        aligned_start: bool,
        offsets: bool = False,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.offsets = nn.Parameter(_at_random(styles, channels)) if offsets else None
        self.register_buffer("keys", _at_random(styles, slots, channels))
        self.register_buffer("values", _at_random(styles, slots, channels))
        # Training state: which styles have left their random start, and for how many updates
        # of its own style each slot has gone without a vote for its key.
        self.register_buffer("started", torch.full((styles,), not aligned_start))
        self.register_buffer("idle", torch.zeros(styles, slots, dtype=torch.long))

    def key_similarity(self, photo_features: Tensor, style: Tensor) -> Tensor:
        """Cosines of photo features (B, C, H, W) with the keys of their styles (B,) -> (B, N, K). Paper: Eq. 4."""
        return _similarity(photo_features, self.keys, style)

    def value_similarity(self, sketch_features: Tensor, style: Tensor) -> Tensor:
        """Cosines of sketch features (B, C, H, W) with the values of their styles (B,) -> (B, N, K). Paper: Eq. 4."""
        return _similarity(sketch_features, self.values, style)

    def attention(self, cosines: Tensor) -> Tensor:
        """Attention of every place over the slots. (B, N, K) -> (B, N, K), rows sum to 1.

        Paper: Eq. 7, with a temperature on the cosine.
        """
        return (cosines / self.temperature).softmax(dim=-1)

    def read(self, queries: Tensor, style: Tensor, attention: Tensor | None = None) -> Tensor:
        """Read the sketch feature for each photo feature. Paper: Eq. 7-9.

        queries (B, C, H, W), style (B,) index of each image's memory -> (B, C, H, W) float32. `attention` (B, N, K) is
        that of these queries, where it is known already.
        """
        if attention is None:
            attention = self.attention(self.key_similarity(queries, style))
        with torch.autocast(queries.device.type, enabled=False):
            read = attention @ self.values[style]  # (B, N, C)
            if self.offsets is not None:
                read = F.normalize(read, dim=-1) * read.shape[-1] ** 0.5 + self.offsets[style][:, None]
        return read.transpose(1, 2).reshape(queries.shape)

    @torch.no_grad()
    def update(
        self,
        photo_features: Tensor,
        sketch_features: Tensor,
        style: Tensor,
        decay: float,
        generator: torch.Generator | None = None,
        reseed_after: int = 0,
    ) -> Tensor:
        """Move the slots towards the features that picked them. Paper: Eq. 5-6.

        Both features (B, C, H, W), style (B,). Keys follow the photo features, values the sketch features,
        of the whole batch where it is shared among ranks: every rank's memory moves alike.
        A slot without votes stays where it is; one whose key had none for `reseed_after` updates of its
        style is started anew from a random place of this batch. Returns how many were, a number on the device.

        Which slots are started anew is known on the device only. So every slot gets a random place, and a mask chooses.
        """
        photo, sketch = to_slots(photo_features), to_slots(sketch_features)
        everyones = distribution.whole_batch(style)
        with torch.autocast(photo_features.device.type, enabled=False):
            styles, slots = self.idle.shape
            places = _random_places(everyones, styles, slots, photo.shape[1], generator)
            fresh = [distribution.rows_of_batch(features, places) for features in (photo, sketch)]
            present = _is_of_style(everyones, styles).any(dim=0)
            self._reseed((present & ~self.started)[:, None].expand_as(self.idle), fresh)
            self.started |= present
            votes = _move(self.keys, photo, style, decay)
            _move(self.values, sketch, style, decay)
            self.idle.add_(present[:, None]).masked_fill_(votes > 0, 0)
            if not reseed_after:
                return votes.new_zeros(())
            dead = (self.idle >= reseed_after) & present[:, None]
            self._reseed(dead, fresh)
            return dead.sum()

    def _reseed(self, chosen: Tensor, fresh: Sequence[Tensor]) -> None:
        """Set the slots chosen (S, K) to their fresh keys and values, both (S, K, C)."""
        for slots, values in zip((self.keys, self.values), fresh, strict=True):
            slots.copy_(torch.where(chosen[..., None], values, slots))
        self.idle.masked_fill_(chosen, 0)

    @torch.no_grad()
    def usage(self, key_similarity: Tensor, value_similarity: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """How well the memory is used, of the cosines (B, N, K) of a batch's photo and sketch features.

        The share of its styles' slots that some photo feature picks; and the hard disagreement rate, which is the
        share of places whose photo and sketch feature pick different slots. Both are numbers on the device.
        """
        styles, count = self.idle.shape
        keys, values = key_similarity.argmax(dim=-1), value_similarity.argmax(dim=-1)
        used = torch.zeros(styles * count, device=keys.device)
        used.index_fill_(0, (keys + style[:, None] * count).flatten(), 1.0)
        available = _is_of_style(style, styles).any(dim=0).sum() * count
        return used.sum() / available, (keys != values).float().mean()


class Constant(nn.Module):
    """One learnt feature for each style in the place of a memory, the same everywhere: the ablation `memory=False`."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.constant = nn.Parameter(_at_random(styles, channels))

    def read(self, queries: Tensor, style: Tensor) -> Tensor:
        """As `Memory.read`, whatever the photo features: queries (B, C, H, W), style (B,) -> (B, C, H, W) float32."""
        return self.constant[style][:, :, None, None].expand_as(queries)


def _similarity(features: Tensor, slots: Tensor, style: Tensor) -> Tensor:
    """Features (B, C, H, W), slots (S, K, C) and style (B,) -> (B, N, K), in float32 whatever the precision around."""
    with torch.autocast(features.device.type, enabled=False):
        return similarity(to_slots(features), slots[style])


def _is_of_style(style: Tensor, styles: int) -> Tensor:
    """Which of so many styles each sample has. (B,) -> (B, S)."""
    return style[:, None] == torch.arange(styles, device=style.device)


def _random_places(style: Tensor, styles: int, slots: int, places: int, generator: torch.Generator | None) -> Tensor:
    """For each slot a random place of a random sample of its style. Styles (B,) of the batch -> (S, K).

    Places are counted through the batch, `places` in each sample. A style that is not in the batch gets any.
    """
    random = to_device(torch.rand(2, styles, slots, generator=generator), style.device)
    counts = _is_of_style(style, styles).sum(dim=0)[:, None]
    first = counts.cumsum(dim=0) - counts
    chosen = (first + (random[0] * counts).long()).clamp(max=len(style) - 1)
    sample, place = style.argsort(stable=True)[chosen], (random[1] * places).long().clamp(max=places - 1)
    return sample * places + place


def _move(slots: Tensor, features: Tensor, style: Tensor, decay: float) -> Tensor:
    """Eq. 5-6 in place on slots (S, K, C), with features (B, N, C) of the styles (B,). Returns votes (S, K)."""
    styles, count, channels = slots.shape
    picked = similarity(features, slots[style]).argmax(dim=-1)  # (B, N), Eq. 5
    flat = (picked + style[:, None] * count).flatten()
    votes = torch.zeros(styles * count, device=slots.device)
    votes.index_add_(0, flat, torch.ones_like(flat, dtype=votes.dtype))
    sums = torch.zeros(styles * count, channels, device=slots.device).index_add_(0, flat, features.flatten(0, 1))
    distribution.add_up_(votes)
    distribution.add_up_(sums)
    means = (sums / votes.clamp(min=1)[:, None]).view_as(slots)
    votes = votes.view(styles, count)
    # Only slots that were hit move: a slot with no votes must not fade towards zero.
    slots.copy_(torch.where(votes[..., None] > 0, decay * slots + (1 - decay) * means, slots))
    return votes


def _at_random(*shape: int) -> Tensor:
    """Numbers of a normal distribution.

    Not `randn`, which gives the same: on the meta device, where a file's network is built, it imports sympy.
    """
    numbers = torch.empty(shape)
    return numbers if numbers.is_meta else numbers.normal_()
