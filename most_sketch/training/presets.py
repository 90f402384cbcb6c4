"""Networks with the settings that they are trained with, by name, and changes of single settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from most_sketch.config import from_dict, to_dict
from most_sketch.errors import InputError, WeightsError, did_you_mean
from most_sketch.network.config import ModelConfig
from most_sketch.training.config import LossWeights, TrainConfig

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
                own_kind=5,
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
    for name, value in values.items():
        if name not in kinds:
            raise InputError(
                f"no setting is named {name!r}{did_you_mean(name, kinds)}; there are {', '.join(sorted(kinds))}"
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
