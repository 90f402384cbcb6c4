"""Features of the frozen VGG are comparable, layer with layer and with LPIPS."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lpips import normalize_tensor

from most_sketch.training.perceptual import load_backbone

pytestmark = pytest.mark.usefixtures("one_thread")


def test_each_layer_is_scaled_by_its_own_size(backbone_file: Path) -> None:
    backbone = load_backbone(str(backbone_file))
    assert backbone is not None
    sketches = torch.rand(3, 1, 48, 48)
    backbone.calibrate(sketches)
    assert [layer.mean().item() for layer in backbone(sketches)] == pytest.approx([1, 1, 1, 1], rel=1e-4)
    assert [layer.shape[-1] for layer in backbone(sketches)] == [24, 12, 6, 3]


def test_scales_of_a_run_from_before_pool3_was_looked_at_are_those_of_their_layers(backbone_file: Path) -> None:
    backbone = load_backbone(str(backbone_file))
    assert backbone is not None
    backbone.take_scales(torch.tensor([2.0, 3.0, 5.0]))
    assert backbone.scales.tolist() == [2, 3, 1, 5]
    backbone.take_scales(torch.tensor([2.0, 3.0, 4.0, 5.0]))
    assert backbone.scales.tolist() == [2, 3, 4, 5]


def test_unit_features_are_compared_as_lpips_compares_them(backbone_file: Path) -> None:
    plain, unit = (load_backbone(str(backbone_file), unit_features=choice) for choice in (False, True))
    assert plain is not None
    assert unit is not None
    sketches = torch.rand(2, 1, 48, 48)
    for whole, direction in zip(plain(sketches), unit(sketches), strict=True):
        channels = whole.shape[1]
        squares = (normalize_tensor(whole[:1]) - normalize_tensor(whole[1:])).square().sum(dim=1).mean()
        ours = (direction[0] - direction[1]).square().mean()
        assert ours.item() == pytest.approx(squares.item(), rel=1e-2)
        assert direction.square().sum(dim=1).max().item() == pytest.approx(channels, rel=1e-2)


def test_unit_features_are_float32_in_bfloat16_too(backbone_file: Path) -> None:
    """Compiled, the gradients of bfloat16's were not finite."""
    backbone = load_backbone(str(backbone_file), unit_features=True)
    assert backbone is not None
    sketches = torch.rand(1, 1, 48, 48)
    with torch.autocast("cpu", torch.bfloat16):
        layers = backbone(sketches)
    for layer, exact in zip(layers, backbone(sketches), strict=True):
        assert layer.dtype is torch.float32
        torch.testing.assert_close(layer, exact, atol=0.3, rtol=0.1)
