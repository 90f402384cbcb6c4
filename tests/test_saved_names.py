"""Files of the code before the renaming load, draw and go on as they did."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_pairs import draw_pair
from PIL import Image
from safetensors.torch import load_file, save_file

from most_sketch.checkpoints.arrays import read_arrays
from most_sketch.checkpoints.find import bundled_weights
from most_sketch.checkpoints.header import CONFIG_KEY, load_json, open_safetensors, read_header
from most_sketch.checkpoints.styles import read_style
from most_sketch.checkpoints.weights import load_weights
from most_sketch.config import from_dict
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.errors import WeightsError
from most_sketch.network.config import ModelConfig
from most_sketch.photo.frame import FRAME_SIZE
from most_sketch.saved_names import DELETED_SETTINGS, RENAMED_SETTINGS, current_tensors, ignored_settings
from most_sketch.training.config import PRESETS, LossWeights, TrainConfig, override

pytestmark = pytest.mark.usefixtures("one_thread")

SAVED = Path(__file__).parent / "saved_before_the_renaming"
"""Weights of a tiny network, a style for them, and what the code of commit cbb7e18 drew with both."""


@pytest.mark.parametrize("name", bundled_weights())
def test_the_bundled_weights_load_with_all_their_tensors(name: str) -> None:
    path = bundled_weights()[name]
    with open_safetensors(path) as (_, contents):
        said = load_json(contents.metadata[CONFIG_KEY])
    config = read_header(path).config
    assert config.warp_domains == said.get("habits", said.get("warp_domains", 0))
    generator = load_weights(path)
    assert read_arrays(path).keys() == generator.state_dict().keys() - {"memory.started", "memory.idle"}
    if config.warp_domains:
        assert generator.warp is not None
        assert generator.warp.begun
        assert generator.warp.domain_logits.out_features == config.warp_domains + 1


def test_a_style_draws_what_it_drew() -> None:
    assert read_style(SAVED / "style.safetensors").info.name == "chalk"
    sketcher = Sketcher.load(SAVED / "weights.safetensors", "cpu", "fp32", styles=[SAVED / "style.safetensors"])
    drawn = np.asarray(sketcher.sketch(draw_pair(0, FRAME_SIZE)[0], "chalk", align=False), dtype=float)
    # A grey level: other processors round otherwise.
    assert np.abs(drawn - np.asarray(Image.open(SAVED / "sketch.png"))).max() <= 1


def test_renamed_settings_are_read_and_deleted_ones_left_out() -> None:
    old = {"train_warp": True, "steps": 7}
    once = {"teach_warp": True, "steps": 7, "fixed_memory": True, "episodes": 0.5, "support": 4}
    assert from_dict(TrainConfig, once) == from_dict(TrainConfig, old) == TrainConfig(steps=7, train_warp=True)
    assert from_dict(ModelConfig, {"habits": 2}).warp_domains == 2
    assert from_dict(LossWeights, {"own_kind": 5, "feature_matching": 1}) == LossWeights(identity=5)
    assert override(*PRESETS["ours"], {"habits": 1})[0].warp_domains == 1
    for kind in (ModelConfig, TrainConfig, LossWeights):
        assert not {*RENAMED_SETTINGS, *DELETED_SETTINGS} & kind.__dataclass_fields__.keys()
    with pytest.raises(WeightsError, match="by its old name and by its new one: habits"):
        from_dict(ModelConfig, {"habits": 1, "warp_domains": 1})


def test_only_what_was_in_use_is_missed() -> None:
    assert ignored_settings({"episodes": 0.0, "support": 8, "fixed_memory": False}) == []
    assert ignored_settings({"episodes": 0.3, "support": 8, "feature_matching": 1}) == [
        "episodes",
        "support",
        "feature_matching",
    ]


def test_tensors_of_weights_and_of_states_are_read_by_their_old_names(tmp_path: Path) -> None:
    names = ("warp.moves.weight", "module.warp.habit.bias", "generator.warp.moves.bias", "judge.stages.0.0.weight")
    assert list(current_tensors(dict.fromkeys(names))) == [
        "warp.offsets.weight",
        "module.warp.domain_logits.bias",
        "generator.warp.offsets.bias",
        "photo_discriminator.stages.0.0.weight",
    ]
    # By both names: a file that nobody has saved.
    both = load_file(SAVED / "weights.safetensors")
    both |= {"warp.moves.bias": torch.zeros(2), "warp.offsets.bias": torch.zeros(2)}
    file = tmp_path / "both.safetensors"
    save_file(both, file, {CONFIG_KEY: json.dumps({})})
    with pytest.raises(WeightsError, match="by its old and its new name"):
        read_header(file)
