"""A step of both networks: what it moves, what it leaves alone, and who sees what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_runs import CPU, SHORT, TINY, noise

from most_sketch.errors import MostSketchError
from most_sketch.network.config import ModelConfig
from most_sketch.training.config import LossWeights
from most_sketch.training.objective import ScaleGroup
from most_sketch.training.perceptual import load_backbone
from most_sketch.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


def test_gradients_reach_both_encoders_and_never_the_backbone(backbone_file: Path) -> None:
    backbone = load_backbone(str(backbone_file))
    assert backbone is not None
    trainer = Trainer(TINY, SHORT, backbone, CPU)
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    frozen = [parameter.clone() for parameter in backbone.parameters()]
    trainer.train_step(*noise(0, 0))
    moved = {name for name, value in trainer.model.named_parameters() if not torch.equal(value, before[name])}
    assert moved == before.keys()
    assert any(name.startswith("sketch_encoder.") for name in moved)
    assert all(torch.equal(old, new) for old, new in zip(frozen, backbone.parameters(), strict=True))


def test_a_step_in_bfloat16_keeps_the_memory_in_float32() -> None:
    trainer = Trainer(TINY, SHORT, None, replace(CPU, precision=torch.bfloat16))
    scores = trainer.train_step(*noise(0, 0))
    memory_keys = trainer.model.get_buffer("generator.memory.keys")
    assert memory_keys.dtype == torch.float32
    assert 0 < scores["total"] < 1e4


@pytest.mark.parametrize("losses", [LossWeights(), LossWeights(ssim=1, fsim=1)], ids=["paper", "ssim and fsim"])
def test_a_loss_that_is_not_finite_ends_the_run_with_advice(losses: LossWeights) -> None:
    trainer = Trainer(TINY, replace(SHORT, losses=losses), None, CPU)
    with pytest.raises(MostSketchError, match="no longer finite at step 1; resume"):
        trainer.train_step(torch.full((1, 3, 48, 40), torch.nan), *noise(0)[1:])


def test_the_average_is_of_the_weights_and_draws_without_dropout() -> None:
    model = ModelConfig(architecture="pix2pix", stem_channels=4)
    trainer = Trainer(model, replace(SHORT, ema_decay=0.05), None, CPU)
    weight, averaged = (network.down[0].weight for network in (trainer.model.generator, trainer.averaged))
    by_hand = None
    for step in range(3):
        trainer.train_step(*noise(0, 0))
        # The decay of the first steps is smaller than the config's: nothing, then 2 / 11 but at most what is asked for.
        by_hand = weight.detach().clone() if by_hand is None else torch.lerp(weight.detach(), by_hand, 0.05)
        torch.testing.assert_close(averaged, by_hand, msg=f"step {step}")
    photo = torch.rand(3, 48, 40)
    assert torch.equal(trainer.draw(photo, 0), trainer.draw(photo, 0))


def test_it_learns_to_tell_the_person_from_the_background() -> None:
    trainer = Trainer(replace(TINY, matting=True), replace(SHORT, steps=40, generator_rate=2e-3), None, CPU)
    photo, target, style, matte = noise(0, 0)
    matte[:, :, :, :20] = 0
    photo[:, :, :, :20] -= 1
    scores = [trainer.train_step(photo, target, style, matte) for _ in range(40)]
    assert scores[0]["matte"] > 1
    assert scores[-1]["matte"] < 0.2
    assert scores[0]["total"] > LossWeights().matte * scores[0]["matte"]


def test_what_is_drawn_teaches_the_matte_nothing() -> None:
    trainer = Trainer(replace(TINY, matting=True), SHORT, None, CPU)
    network = trainer.model.generator.matte
    before = {name: value.clone() for name, value in network.state_dict().items()}
    # These photos are the person all over, so far as is known.
    assert trainer.train_step(*noise(0, 0))["matte"] == 0
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_drawing_in_another_style_is_seen_without_photo_and_compared_with_no_sketch(backbone_file: Path) -> None:
    config = replace(SHORT, cross_style=0.5, generator_rate=0.0)
    trainer = Trainer(replace(TINY, styles=("ink", "chalk", "wash")), config, load_backbone(str(backbone_file)), CPU)
    given: list[tuple[torch.Tensor, ...]] = []
    discriminator = trainer.ddp_discriminator
    trainer.ddp_discriminator = lambda *seen: given.append(seen) or discriminator(*seen)
    photo, target = torch.rand(2, 3, 48, 40) + 0.1, torch.rand(2, 1, 48, 40)
    style = torch.tensor([0, 1])
    for _ in range(8):
        given.clear()
        scores = trainer.train_step(photo, target, style, torch.ones_like(target))
        (_, _, real_style), (seen, sketch, drawn) = given
        assert torch.equal(real_style, style)
        # Half of a batch of two is exactly one.
        own = drawn == style
        assert own.sum() == 1
        assert torch.equal(seen[own], photo[own])
        assert not seen[~own].any()
        assert scores["reconstruction"] == pytest.approx((sketch[own] - target[own]).abs().mean().item(), rel=1e-4)
        assert all(scores[name] > 0 for name in ("adversarial", "style", "content"))


def test_other_styles_are_drawn_by_their_shares() -> None:
    config = replace(SHORT, cross_style=0.5, shares=(8,), generator_rate=0.0)
    trainer = Trainer(replace(TINY, styles=("ink", "chalk", "wash")), config, None, CPU)
    drawn: list[int] = []
    discriminator = trainer.ddp_discriminator
    trainer.ddp_discriminator = lambda *seen: drawn.extend(seen[2].tolist()) or discriminator(*seen)
    for _ in range(40):
        trainer.train_step(*noise(1, 1))
    # Each step sees a real pair in style 1, then one drawing in it and one in another.
    assert drawn.count(1) == 3 * 40
    assert drawn.count(0) > 4 * drawn.count(2)


def test_what_a_network_drew_is_never_real_to_the_discriminator() -> None:
    trainer = Trainer(TINY, SHORT, None, CPU)
    seen: list[tuple[int, float]] = []
    compute = trainer._discriminator_loss
    trainer._discriminator_loss = lambda group, label: seen.append((len(group.style), label)) or compute(group, label)
    trainer.train_step(*noise(0, 0), by_artist=torch.tensor([True, False]))
    assert seen == [(1, 1.0), (2, 0.0)]
    trainer.train_step(*noise(0, 0), by_artist=torch.tensor([False, False]))
    assert seen[2:] == [(2, 0.0)]


def test_the_losses_of_a_sample_are_computed_at_its_own_resolution() -> None:
    trainer = Trainer(TINY, SHORT, None, CPU)
    sizes: set[tuple[int, ...]] = set()
    terms = trainer.objective.terms

    def noted(groups: list[ScaleGroup], rng: torch.Generator) -> dict[str, torch.Tensor]:
        sizes.update(group.target.shape[-2:] for group in groups)
        return terms(groups, rng)

    trainer.objective.terms = noted
    photo, target, style, matte = noise(0, 0)
    large = [torch.nn.functional.interpolate(each, scale_factor=2) for each in (photo, target, matte)]
    trainer.train_step(*large[:2], style, large[2], reduce=torch.tensor([1, 2]))
    assert sizes == {(96, 80), (48, 40)}


def test_a_sketch_in_another_style_has_that_styles_resolution() -> None:
    styles = replace(TINY, styles=("pencil", "ink"))
    trainer = Trainer(styles, replace(SHORT, reduce=(1, 2), cross_style=1.0), None, CPU)
    groups: list[tuple[tuple[int, ...], list[int]]] = []
    terms = trainer.objective.terms

    def noted(fake: list[ScaleGroup], rng: torch.Generator) -> dict[str, torch.Tensor]:
        groups.extend((tuple(group.target.shape[-2:]), group.style.tolist()) for group in fake)
        return terms(fake, rng)

    trainer.objective.terms = noted
    photo, target, style, matte = noise(1, 1)
    large = [torch.nn.functional.interpolate(each, scale_factor=2) for each in (photo, target, matte)]
    # Of two inks one is drawn in pencil.
    trainer.train_step(*large[:2], style, large[2], reduce=torch.tensor([2, 2]))
    assert groups == [((96, 80), [0]), ((48, 40), [1])]
