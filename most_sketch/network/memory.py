"""The memory dictionary: pairs of photo feature and sketch feature, updated without gradients.

Paper: section III-B, Eq. 1-9. Ours beyond the paper: one dictionary for each named style, all held in one
tensor, so that a batch of mixed styles is updated and read at once.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from most_sketch import distribution


def to_slots(features: Tensor) -> Tensor:
    """Divide a feature map into its places. (B, C, H, W) -> (B, N, C) float32, N = H * W. Paper: Eq. 2-3."""
    return features.flatten(2).transpose(1, 2).float()


def similarity(features: Tensor, slots: Tensor) -> Tensor:
    """Cosine of every feature with every slot. (B, N, C), (B, K, C) -> (B, N, K) in [-1, 1]. Paper: Eq. 4."""
    return F.normalize(features, dim=-1) @ F.normalize(slots, dim=-1).transpose(1, 2)


def assignment(features: Tensor, slots: Tensor, temperature: float) -> Tensor:
    """Attention of every feature over the slots. (B, N, C), (B, K, C) -> (B, N, K), rows sum to 1.

    Paper: Eq. 7, with a temperature on the cosine.
    """
    return (similarity(features, slots) / temperature).softmax(dim=-1)


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

    def read(self, queries: Tensor, style: Tensor) -> Tensor:
        """Read the sketch feature for each photo feature. Paper: Eq. 7-9.

        queries (B, C, H, W), style (B,) index of each image's memory -> (B, C, H, W) float32.
        """
        with torch.autocast(queries.device.type, enabled=False):
            attention = assignment(to_slots(queries), self.keys[style], self.temperature)
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
    ) -> int:
        """Move the slots towards the features that picked them. Paper: Eq. 5-6.

        Both features (B, C, H, W), style (B,). Keys follow the photo features, values the sketch features,
        of the whole batch where it is shared among ranks: every rank's memory moves alike.
        A slot without votes stays where it is; one whose key had none for `reseed_after` updates of its
        style is started anew from a random place of this batch. Returns how many were.
        """
        photo, sketch = to_slots(photo_features), to_slots(sketch_features)
        everyones = distribution.whole_batch(style)
        with torch.autocast(photo_features.device.type, enabled=False):
            for index in sorted(set(everyones.tolist())):
                if not self.started[index]:
                    everything = torch.ones_like(self.idle[index], dtype=torch.bool)
                    self._reseed(index, everything, photo, sketch, everyones, generator)
                    self.started[index] = True
            votes = _move(self.keys, photo, style, decay)
            _move(self.values, sketch, style, decay)
            present = torch.zeros_like(self.started).index_fill_(0, everyones, True)
            self.idle.add_(present[:, None]).masked_fill_(votes > 0, 0)
            reseeded = 0
            if reseed_after:
                dead = self.idle >= reseed_after
                for index in dead.any(dim=1).nonzero().flatten().tolist():
                    if not present[index]:
                        continue
                    self._reseed(index, dead[index], photo, sketch, everyones, generator)
                    reseeded += int(dead[index].sum())
        return reseeded

    def _reseed(
        self,
        index: int,
        slots: Tensor,
        photo: Tensor,
        sketch: Tensor,
        everyones: Tensor,
        generator: torch.Generator | None,
    ) -> None:
        """Set the masked slots (K,) of one style to pairs from random places of its features.

        Both features (B, N, C) of this rank, `everyones` the styles of the whole batch.
        """
        own = everyones == index
        photo, sketch = (distribution.whole_batch(features)[own].flatten(0, 1) for features in (photo, sketch))
        places = torch.randint(len(photo), (int(slots.sum()),), generator=generator).to(photo.device)
        self.keys[index, slots] = photo[places]
        self.values[index, slots] = sketch[places]
        self.idle[index, slots] = 0

    @torch.no_grad()
    def usage(self, photo_features: Tensor, sketch_features: Tensor, style: Tensor) -> tuple[float, float]:
        """How well the memory is used: (share of its style's slots that some photo feature picks, hard
        disagreement rate: the share of places whose photo and sketch feature pick different slots)."""
        keys = similarity(to_slots(photo_features), self.keys[style]).argmax(dim=-1)
        values = similarity(to_slots(sketch_features), self.values[style]).argmax(dim=-1)
        count = self.keys.shape[1]
        used = set((keys + style[:, None] * count).flatten().tolist())
        available = len(set(style.tolist())) * count
        return len(used) / available, (keys != values).float().mean().item()


class Constant(nn.Module):
    """One learnt feature for each style in the place of a memory, the same everywhere: the ablation `memory=False`."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.constant = nn.Parameter(_at_random(styles, channels))

    def read(self, queries: Tensor, style: Tensor) -> Tensor:
        """As `Memory.read`, whatever the photo features: queries (B, C, H, W), style (B,) -> (B, C, H, W) float32."""
        return self.constant[style][:, :, None, None].expand_as(queries)


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
