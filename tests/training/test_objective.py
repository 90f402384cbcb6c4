"""What the generator minimises is the weighted sum of Eq. 16."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawn_pairs import write_pairs
from tiny_runs import SHORT, begin, go

from most_sketch.training.config import LossWeights, TrainConfig
from most_sketch.training.objective import Objective, ScaleGroup, scale_groups

pytestmark = pytest.mark.usefixtures("one_thread")


def test_losses_are_weighted_as_eq_16_says(tmp_path: Path, backbone_file: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", ["a", "b"])}
    weights = LossWeights()
    steps, _ = go(begin(tmp_path / "run", data, replace(SHORT, steps=1), str(backbone_file)))
    terms = {
        name: steps[0][name] for name in ("adversarial", "reconstruction", "style", "content", "memory_refinement")
    }
    assert steps[0]["total"] == pytest.approx(
        sum(getattr(weights, name) * term for name, term in terms.items()), rel=1e-5
    )


def test_ssim_fsim_and_structure_are_terms_of_the_loss(tmp_path: Path, backbone_file: Path) -> None:
    data = {"ink": write_pairs(tmp_path / "ink", ["a", "b"])}
    losses = LossWeights(ssim=20, fsim=10, structure=30)
    steps, _ = go(begin(tmp_path / "run", data, replace(SHORT, steps=1, losses=losses), str(backbone_file)))
    weighted = sum(getattr(losses, name) * value for name, value in steps[0].items() if hasattr(losses, name))
    assert 0 < steps[0]["ssim"] < 2
    assert 0 < steps[0]["fsim"] < 1
    assert steps[0]["structure"] > 0
    assert steps[0]["total"] == pytest.approx(weighted, rel=1e-4)


def test_scale_groups_bring_each_sample_to_its_resolution() -> None:
    torch.manual_seed(0)
    photo, sketch, target = torch.rand(4, 3, 8, 8), torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8)
    style, has_target = torch.tensor([0, 1, 2, 1]), torch.tensor([True, True, False, True])
    large, small = scale_groups((1, 2, 1, 2), photo, sketch, target, style, has_target)
    assert large.style.tolist() == [0, 2]
    assert small.style.tolist() == [1, 1]
    assert torch.equal(large.sketch, sketch[[0, 2]])
    assert torch.equal(small.sketch, torch.nn.functional.avg_pool2d(sketch[[1, 3]], 2))
    assert small.photo.shape == (2, 3, 4, 4)
    assert (large.weight, small.weight) == (0.5, 0.5)
    assert large.paired_weight == pytest.approx(1 / 3)
    assert small.paired_weight == pytest.approx(2 / 3)
    (chosen,) = scale_groups((1, 2, 1, 2), photo, sketch, target, style, has_target, style == 1)
    assert chosen.style.tolist() == [1, 1]
    assert (chosen.weight, chosen.paired_weight) == (0.5, pytest.approx(2 / 3))


def test_terms_are_means_over_the_batch_however_it_is_grouped() -> None:
    torch.manual_seed(0)
    photo, sketch, target = torch.rand(4, 3, 8, 8), torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8)
    style, has_target = torch.tensor([0, 1, 0, 1]), torch.tensor([True, False, True, True])

    def discriminator(photo: torch.Tensor, sketch: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        return (photo + sketch).mean(dim=1, keepdim=True) + style[:, None, None, None]

    objective = Objective(TrainConfig(), discriminator, None, lambda: torch.autocast("cpu", enabled=False))
    (whole,) = scale_groups((1, 1, 1, 1), photo, sketch, target, style, has_target)
    halves = [
        ScaleGroup(
            *(each[style == index] for each in (photo, sketch, target, style, has_target)),
            weight=0.5,
            paired_weight=has_target[style == index].sum().item() / 3,
        )
        for index in (0, 1)
    ]
    together = objective.terms([whole], torch.Generator())
    apart = objective.terms(halves, torch.Generator())
    assert together.keys() == apart.keys() == {"adversarial", "reconstruction"}
    for name in together:
        torch.testing.assert_close(together[name], apart[name])
    assert together["reconstruction"] == pytest.approx((sketch[has_target] - target[has_target]).abs().mean().item())
