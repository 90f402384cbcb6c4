"""Each loss alone, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from most_sketch.evaluation.metrics import fsim, ssim
from most_sketch.network.config import ModelConfig
from most_sketch.network.encoder import Encoder
from most_sketch.network.memory import Memory, straight_through_one_hot
from most_sketch.training import losses


def test_adversarial_losses_are_pix2pix_cross_entropies() -> None:
    real, fake = torch.tensor([[[[2.0]]]]), torch.tensor([[[[-1.0]]]])
    assert losses.adversarial_discriminator(real, 1.0).item() == pytest.approx(0.5 * math.log1p(math.exp(-2)))
    assert losses.adversarial_discriminator(fake, 0.0).item() == pytest.approx(0.5 * math.log1p(math.exp(-1)))
    assert losses.adversarial_generator(fake).item() == pytest.approx(math.log1p(math.e))


def test_reconstruction_is_the_mean_absolute_difference() -> None:
    assert losses.reconstruction(torch.tensor([[1.0, -1.0]]), torch.tensor([[0.5, 0.5]])).item() == 1.0


def test_style_sums_the_layers_means_and_content_is_one_layer() -> None:
    ours, theirs = (
        [torch.zeros(1, 2, 4, 4), torch.zeros(1, 3, 2, 2)],
        [torch.ones(1, 2, 4, 4), 2 * torch.ones(1, 3, 2, 2)],
    )
    assert losses.style(ours, theirs).item() == 1 + 4
    assert losses.content(ours[1], theirs[1]).item() == 4


def test_ssim_loss_is_what_the_score_of_ssim_leaves() -> None:
    torch.manual_seed(0)
    grey = torch.randint(0, 256, (3, 1, 40, 30)).float()
    near = (grey + torch.randint(-9, 10, grey.shape)).clamp(0, 255)
    lost = losses.ssim_loss(near / 127.5 - 1, grey / 127.5 - 1)
    assert lost.item() == pytest.approx(1 - ssim(near, grey).mean().item(), abs=1e-5)
    assert losses.ssim_loss(grey / 127.5 - 1, grey / 127.5 - 1).item() == pytest.approx(0, abs=1e-6)


def test_fsim_loss_is_what_the_score_of_fsim_leaves_and_has_a_gradient_on_blank_paper() -> None:
    torch.manual_seed(0)
    grey = torch.randint(0, 256, (2, 1, 12, 10)).float().repeat_interleave(8, 2).repeat_interleave(8, 3)
    near = grey.roll((1, 1), (2, 3))
    rng = torch.Generator().manual_seed(0)
    lost = losses.fsim_loss(near / 127.5 - 1, grey / 127.5 - 1, rng)
    assert lost.item() == pytest.approx(1 - fsim(near, grey).mean().item(), abs=0.01)
    blank = torch.ones(2, 1, 96, 80, requires_grad=True)
    losses.fsim_loss(blank, grey / 127.5 - 1, rng).backward()  # type: ignore[no-untyped-call]
    assert blank.grad is not None
    assert blank.grad.isfinite().all()


def test_ssim_and_fsim_of_what_is_not_finite_are_not_finite_and_no_error() -> None:
    broken, grey = torch.full((1, 1, 96, 80), torch.nan), torch.zeros(1, 1, 96, 80)
    assert losses.ssim_loss(broken, grey).isnan()
    assert losses.fsim_loss(broken, grey, torch.Generator()).isnan()


def test_the_matte_is_compared_place_by_place_where_it_is_known() -> None:
    logits = torch.tensor([2.0, -1.0]).expand(2, 1, 1, 2)
    wanted = torch.ones(2, 1, 4, 8)
    wanted[0, :, :, 4:] = 0
    of_the_first = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-1))) / 2
    assert losses.matte(logits, wanted).item() == pytest.approx(of_the_first)
    assert losses.matte(logits, torch.ones(2, 1, 4, 8)).item() == 0


def test_memory_refinement_is_zero_in_agreement_and_two_at_odds() -> None:
    memory = Memory(1, 4, 4, temperature=0.01, aligned_start=False)
    memory.keys.copy_(torch.eye(4)[None])
    memory.values.copy_(torch.eye(4)[None])
    corners, style = torch.eye(4).view(1, 4, 2, 2), torch.tensor([0])
    keys = memory.key_similarity(corners, style)
    for sketch, wanted in ((corners, 0), (corners.flip(1), 2)):
        values = memory.value_similarity(sketch, style)
        for choose in (memory.attention, straight_through_one_hot):
            assert losses.memory_refinement(choose(keys), choose(values)).item() == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(("temperature", "hard"), [(0.1, False), (1.0, True)], ids=["attention", "one-hot"])
def test_memory_refinement_reaches_both_encoders(temperature: float, hard: bool) -> None:
    """At the paper's temperature of 1 attention is nearly even, and its gradient next to nothing."""
    torch.manual_seed(0)
    config = ModelConfig(channels=8, stem_channels=8, slots=8, injection_channels=8)
    photo_encoder, sketch_encoder = Encoder(3, config), Encoder(1, config)
    memory = Memory(1, 8, 8, temperature, aligned_start=False)
    style = torch.tensor([0])
    keys = memory.key_similarity(photo_encoder(torch.randn(1, 3, 16, 16))[0], style)
    values = memory.value_similarity(sketch_encoder(torch.randn(1, 1, 16, 16))[0], style)
    choose = straight_through_one_hot if hard else memory.attention
    losses.memory_refinement(choose(keys), choose(values)).backward()  # type: ignore[no-untyped-call]
    for encoder in (photo_encoder, sketch_encoder):
        assert all(parameter.grad is not None for parameter in encoder.parameters())
        assert encoder.stem.weight.grad is not None
        assert encoder.stem.weight.grad.abs().sum() > 1e-3


def test_checkerboard_answers_to_a_checkerboard_and_to_no_line() -> None:
    rows, columns = torch.arange(6)[:, None], torch.arange(8)[None]
    board = 1.0 - 2.0 * ((rows + columns) % 2)
    lines = (1.0 - 2.0 * (rows % 2)).expand(6, 8)
    values = [losses.checkerboard(picture[None, None]).item() for picture in (board, lines, torch.full((6, 8), 0.3))]
    assert values == [1, 0, 0]


def test_stripes_answer_to_rows_and_columns_that_alternate_and_to_no_slope_or_stroke() -> None:
    rows, columns = torch.arange(34.0)[:, None], torch.arange(34.0)[None]
    alternating = (1 - 2 * (rows % 2)).expand(34, 34)
    board = (1 - 2 * ((rows + columns) % 2)).expand(34, 34)
    slope = (rows / 34 + columns / 50).expand(34, 34)
    strokes = torch.sign(torch.sin(rows * 2 * torch.pi / 3.5 + 0.1)).expand(34, 34)
    pictures = (alternating, alternating.mT, board, slope, 0.1 * alternating + slope, strokes)
    values = [losses.stripes(picture[None, None]).item() for picture in pictures]
    assert values[:5] == pytest.approx([1, 1, 0, 0, 0.1], abs=1e-6)
    assert values[5] < 0.25


def portrait() -> tuple[torch.Tensor, torch.Tensor]:
    """A photo (1, 3, 96, 80) with tones of all sizes, and a person (1, 1, 96, 80) in its middle."""
    torch.manual_seed(0)
    coarse = [torch.nn.functional.interpolate(torch.randn(1, 1, 96 // s, 80 // s), (96, 80)) for s in (4, 8, 16)]
    person = torch.zeros(1, 1, 96, 80)
    person[..., 16:96, 16:64] = 1
    return (0.2 * sum(coarse)).clamp(-1, 1).expand(-1, 3, -1, -1), person


def test_likeness_is_nothing_for_the_photos_own_tones_at_any_contrast_and_two_for_their_negative() -> None:
    photo, person = portrait()
    grey = photo[:, :1]
    on_paper = 1 - (1 - grey) * person
    for sketch, expected in ((on_paper, 0), (0.3 * on_paper + 0.6, 0), (-on_paper, 2)):
        torch.testing.assert_close(losses.likeness(sketch, photo, person), torch.tensor([float(expected)]))
    other = torch.randn(1, 1, 96, 80)
    assert losses.likeness(other, photo, person).item() == pytest.approx(1, abs=0.3)


def test_likeness_leaves_strokes_the_light_and_what_is_far_from_the_person_out() -> None:
    photo, person = portrait()
    sketch = 1 - (1 - photo[:, :1]) * person
    strokes = sketch + 0.3 * (torch.arange(80) % 2 * 2.0 - 1)
    assert losses.likeness(strokes, photo, person).item() < 1e-5
    lit = photo + torch.linspace(-0.3, 0.3, 80)
    assert losses.likeness(1 - (1 - lit[:, :1]) * person, photo, person).item() < 0.1
    behind = torch.where(person > 0, photo, torch.rand_like(photo))
    torch.testing.assert_close(losses.likeness(sketch, behind, person), losses.likeness(sketch, photo, person))


def test_likeness_is_of_each_sample_and_has_a_gradient_where_a_sketch_is_blank() -> None:
    photo, person = portrait()
    sketches = torch.cat([photo[:, :1], torch.ones_like(person)]).requires_grad_()
    each = losses.likeness(sketches, photo.expand(2, -1, -1, -1), person.expand(2, -1, -1, -1))
    assert each.shape == (2,)
    each.sum().backward()
    assert sketches.grad is not None
    assert sketches.grad.isfinite().all()
    assert losses.likeness(photo[:, :1], photo, torch.zeros_like(person)).isfinite().all()
