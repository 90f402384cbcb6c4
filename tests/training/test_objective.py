"""What the generator minimises is the weighted sum of Eq. 16."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from drawn_pairs import write_pairs
from tiny_runs import SHORT, begin, go

from most_sketch.training.config import LossWeights

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


def test_feature_matching_is_a_term_of_the_loss(tmp_path: Path) -> None:
    write_pairs(tmp_path / "ink", ["a", "b"])
    losses = LossWeights(feature_matching=20)
    steps, _ = go(begin(tmp_path / "run", {"ink": tmp_path / "ink"}, replace(SHORT, steps=2, losses=losses)))
    weighted = sum(getattr(losses, name) * value for name, value in steps[0].items() if hasattr(losses, name))
    assert steps[0]["feature_matching"] > 0
    assert steps[0]["total"] == pytest.approx(weighted, rel=1e-4)
