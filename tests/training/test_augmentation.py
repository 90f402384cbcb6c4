"""Each change of a training pair does what it says, to photo and sketch alike where it moves them."""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawn_pairs import draw_pair
from PIL import Image

from most_sketch.errors import InputError
from most_sketch.pairs.mattes import matte_of_studio_photo
from most_sketch.photo.images import to_tensor
from most_sketch.training.augmentation import (
    Backgrounds,
    augment,
    cast_shadow,
    compress,
    end_photo,
    enlarge,
    random_bends,
    reach,
    start_of_square,
    turn,
)
from most_sketch.training.config import TrainConfig

PLAIN = TrainConfig(flip=False, shift=0, tone=0)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def face() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A made-up face on white, (3, 96, 80), its sketch and its matte."""
    photo, sketch = draw_pair(3, (80, 96))
    return to_tensor(photo), to_tensor(sketch), matte_of_studio_photo(to_tensor(photo))


def test_flip_and_shift_move_photo_sketch_and_matte_together() -> None:
    across = torch.linspace(-1, 1, 30).expand(1, 40, 30)
    for seed in range(20):
        photo, sketch, matte = augment(across.expand(3, -1, -1), across, across, TrainConfig(tone=0), rng(seed))
        assert torch.equal(photo[:1], sketch)
        assert torch.equal(matte, sketch.clamp(0, 1))
        assert (photo[0, 0, 0] > 0) == (photo[0, 0, 0] > photo[0, 0, -1])


def test_tone_changes_the_photo_only_and_stays_in_range() -> None:
    photo, sketch = torch.rand(3, 8, 8) * 2 - 1, torch.rand(1, 8, 8) * 2 - 1
    config = TrainConfig(flip=False, shift=0, tone=0.3)
    toned, same, _ = augment(photo, sketch, torch.ones(1, 8, 8), config, rng())
    assert torch.equal(sketch, same)
    assert not torch.allclose(toned, photo, atol=0.01)
    assert toned.abs().max() <= 1


def test_turning_shows_the_mirrored_picture_beyond_the_border() -> None:
    ramp = torch.linspace(-0.5, 0.5, 40)[:, None].expand(1, 40, 30)
    smaller = turn(ramp, degrees=0, zoom=0.8)
    step = (ramp[0, 1, 0] - ramp[0, 0, 0]) / 0.8
    beyond, inside = smaller[0, :4, 15], smaller[0, 4:8, 15].flip(0)
    assert (beyond - inside).abs().max() < step / 2
    torch.testing.assert_close(beyond.diff()[:2], inside.diff()[:2], atol=float(step) / 10, rtol=0)
    assert (smaller[0, 6:30].diff(dim=0) - step).abs().max() < step / 10


def test_shifting_mirrors_what_is_beyond_the_border() -> None:
    ramp = torch.linspace(-1, 1, 30).expand(1, 40, 30)
    config = TrainConfig(flip=False, tone=0)
    shifted = [augment(ramp.expand(3, -1, -1), ramp, ramp, config, rng(seed))[1][0, 0] for seed in range(20)]
    assert any(row[0] > row[1] for row in shifted)
    assert all((row.diff().abs() > 0).all() for row in shifted)


def test_turning_by_a_right_angle_is_that_of_the_pixels() -> None:
    square = torch.rand(1, 20, 20) * 2 - 1
    turned = turn(square, degrees=90, zoom=1)
    assert min((turned - square.rot90(k, (1, 2))).abs().max().item() for k in (1, 3)) < 1e-4


def test_bends_are_smooth_within_their_pixels_and_move_photo_sketch_and_matte_alike() -> None:
    bends = random_bends(250, 200, 3.0, rng(1))
    assert bends.shape == (250, 200, 2)
    assert 2 < bends.abs().max() <= 3
    assert max(bends.diff(dim=side).abs().max().item() for side in (0, 1)) < 0.5
    ramp = torch.linspace(0, 1, 200).expand(1, 250, 200)
    photo, sketch, matte = augment(ramp.expand(3, -1, -1), ramp, ramp, replace(PLAIN, elastic=3), rng(2))
    inside = (slice(None), slice(5, -5), slice(5, -5))
    torch.testing.assert_close(photo[:1][inside], sketch[inside], atol=1e-5, rtol=0)
    torch.testing.assert_close(photo[:1][inside], matte[inside], atol=1e-5, rtol=0)
    moved = 199 * (sketch - ramp)[inside].abs().max()
    assert 1 < moved <= 3.01


def test_a_pair_that_is_turned_by_nothing_keeps_every_stroke() -> None:
    pair = torch.cat(face()[:2])
    torch.testing.assert_close(turn(pair, 0, 1, torch.zeros(96, 80, 2)), pair, atol=1e-4, rtol=0)


def test_a_thin_line_between_pixels_stays_darker_than_their_mean() -> None:
    line = torch.ones(1, 40, 40)
    line[..., 20] = -1
    moved = turn(line, 0, 1, torch.tensor([0.5, 0.0]).expand(40, 40, 2))
    assert moved[0, 20, 19:21].max() < -0.1


def test_fine_strokes_are_as_strong_between_pixels() -> None:
    waves = torch.sin(2 * torch.pi * torch.arange(0, 80, 0.5) / 2.7) / 2
    hatched, wanted = (waves[start::2].expand(1, 80, -1) for start in (0, 1))
    bends = torch.tensor([0.5, 0.0]).expand(80, 80, 2)
    assert (turn(hatched, 0, 1, bends) - wanted)[0, :, 20:-20].abs().max() < 0.03


def test_a_crop_reaches_as_far_as_bends_do() -> None:
    assert reach(100, replace(PLAIN, elastic=2.5)) == reach(100, PLAIN) + 3


def test_a_shadow_darkens_one_side_and_never_brightens() -> None:
    photo = torch.full((3, 40, 40), 0.8)
    shaded = cast_shadow(photo, direction=0, place=0.5, depth=1)
    assert (shaded <= photo).all()
    assert shaded[:, :, -1].mean() < shaded[:, :, 0].mean() - 0.5
    assert shaded.min() >= -1


def test_compression_leaves_a_similar_photo_of_the_same_range() -> None:
    photo, *_ = face()
    poor, good = compress(photo, 20), compress(photo, 95)
    assert 0 < (good - photo).abs().mean() < (poor - photo).abs().mean() < 0.1
    assert poor.abs().max() <= 1


def test_another_background_comes_where_the_matte_says(tmp_path: Path) -> None:
    Image.new("RGB", (200, 200), "navy").save(tmp_path / "wall.png")
    photo, sketch, _ = face()
    matte = torch.ones(1, 96, 80)
    matte[:, :, 40:] = 0
    changed, same, _ = augment(photo, sketch, matte, replace(PLAIN, background=1), rng(), Backgrounds(tmp_path))
    assert torch.equal(changed[:, :, :40], photo[:, :, :40])
    assert (changed[:2, :, 40:] < -0.999).all()
    assert torch.equal(same, sketch)


def test_pieces_of_backgrounds_have_the_size_asked_for(tmp_path: Path) -> None:
    Image.new("RGB", (300, 50), "red").save(tmp_path / "wide.png")
    Image.new("L", (7, 9), 128).save(tmp_path / "small.png")
    backgrounds = Backgrounds(tmp_path)
    pieces = [backgrounds.piece(96, 80, rng(seed)) for seed in range(8)]
    assert {piece.shape for piece in pieces} == {(3, 96, 80)}
    # Both pictures have their turn: of one of them all three colours are one.
    assert len({torch.equal(piece[0], piece[1]) for piece in pieces}) == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no pictures for backgrounds"):
        Backgrounds(tmp_path / "empty")


def test_backgrounds_can_be_sent_to_a_process_that_loads(tmp_path: Path) -> None:
    Image.effect_noise((200, 200), 100).save(tmp_path / "wall.png")
    backgrounds = Backgrounds(tmp_path)
    here = backgrounds.piece(96, 80, rng())
    assert torch.equal(pickle.loads(pickle.dumps(backgrounds)).piece(96, 80, rng()), here)  # noqa: S301 - our own


def test_some_backgrounds_are_out_of_focus(tmp_path: Path) -> None:
    Image.effect_noise((400, 400), 100).convert("RGB").save(tmp_path / "leaves.png")
    backgrounds = Backgrounds(tmp_path)
    detail = [backgrounds.piece(96, 80, rng(seed)).diff(dim=-1).abs().mean().item() for seed in range(40)]
    assert 8 < sum(each < 0.15 * max(detail) for each in detail) < 32


def test_where_a_photo_ends_there_is_neither_person_nor_drawing() -> None:
    photo, sketch, matte = face()
    for seed in range(20):
        ended, drawn, person = end_photo(photo, sketch, matte * 0 + 1, rng(seed))
        beyond = person == 0
        assert 0 <= beyond.float().mean() < 0.35
        assert (drawn[beyond] == 1).all()
        assert torch.equal(drawn[~beyond], sketch[~beyond])
        assert len(ended[beyond.expand(3, -1, -1)].unique()) <= 1
        assert torch.equal(ended[~beyond.expand(3, -1, -1)], photo[~beyond.expand(3, -1, -1)])
    assert beyond.any()


def test_the_matte_turns_with_the_photo() -> None:
    photo, sketch, matte = face()
    photo[:] = matte
    turned, _, matte = augment(photo, sketch, matte, replace(PLAIN, rotate=20, zoom=0.2), rng())
    torch.testing.assert_close(turned[:1].clamp(0, 1), matte)
    assert not torch.equal(matte, face()[2])


def test_all_at_once_stay_in_range_and_are_reproducible(tmp_path: Path) -> None:
    Image.new("RGB", (200, 200), "navy").save(tmp_path / "wall.png")
    backgrounds = Backgrounds(tmp_path)
    config = TrainConfig(rotate=5, zoom=0.1, background=1, shadow=1, blur=1, noise=1, jpeg=1)
    photo, sketch, matte = face()
    for seed in range(5):
        first = augment(photo, sketch, matte, config, rng(seed), backgrounds)
        again = augment(photo, sketch, matte, config, rng(seed), backgrounds)
        assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
        assert first[0].abs().max() <= 1.001
        assert first[1].abs().max() <= 1.001
        assert first[0].shape == photo.shape


def test_the_shares_are_those_of_the_config(tmp_path: Path) -> None:
    Image.new("RGB", (200, 200), "navy").save(tmp_path / "wall.png")
    backgrounds = Backgrounds(tmp_path)
    photo, sketch, matte = face()
    config = replace(PLAIN, background=0.3)
    corners = [augment(photo, sketch, matte, config, rng(seed), backgrounds)[0][0, 0, 0].item() for seed in range(200)]
    assert 40 < sum(corner < 0 for corner in corners) < 80


def test_a_third_of_the_squares_lie_at_either_border_and_the_rest_evenly_between() -> None:
    starts = Counter(start_of_square(50, 40, number / 3000) for number in range(3000))
    assert set(starts) == set(range(11))
    assert 1000 <= starts[0] <= 1100
    assert 1000 <= starts[10] <= 1100
    assert all(80 <= starts[start] <= 100 for start in range(1, 10))


def test_every_pixel_is_seen_by_a_third_of_the_squares() -> None:
    seen = Counter(pixel for number in range(900) for pixel in _pixels(start_of_square(250, 144, number / 900)))
    assert min(seen[pixel] for pixel in range(250)) >= 300


def test_a_square_larger_than_the_picture_begins_with_it() -> None:
    assert {start_of_square(30, 40, number / 10) for number in range(10)} == {0}


def _pixels(start: int) -> range:
    return range(start, start + 144)


def test_some_backgrounds_are_finer_than_their_pictures(tmp_path: Path) -> None:
    Image.effect_noise((12, 12), 200).resize((24, 24), Image.Resampling.BICUBIC).convert("RGB").save(tmp_path / "a.png")
    backgrounds = Backgrounds(tmp_path)
    detail = [backgrounds.piece(192, 160, rng(seed)).diff(dim=-1).abs().mean().item() for seed in range(60)]
    enlarged = sorted(detail)[len(detail) // 2]
    assert sum(each > 2 * enlarged for each in detail) >= 6


def test_some_backgrounds_are_two_pictures_side_by_side(tmp_path: Path) -> None:
    for name in ("red", "blue"):
        Image.new("RGB", (100, 100), name).save(tmp_path / f"{name}.png")
    backgrounds = Backgrounds(tmp_path)
    pieces = [backgrounds.piece(96, 80, rng(seed)) for seed in range(60)]
    both = [(piece[0] > 0.9).any() and (piece[2] > 0.9).any() for piece in pieces]
    assert 3 <= sum(map(bool, both)) <= 30


def test_an_enlarged_photo_has_the_tones_of_the_photo_and_no_fine_detail() -> None:
    stripes = (torch.arange(80) % 2 * 2.0 - 1).expand(3, 96, 80)
    coarse = ((torch.arange(80) // 40) * 1.0 - 0.5).expand(3, 96, 80)
    assert enlarge(stripes, 4.0).abs().max() < 0.2
    assert enlarge(coarse, 4.0).shape == coarse.shape
    assert (enlarge(coarse, 4.0) - coarse).abs().mean() < 0.05
    photo, sketch, matte = face()
    changed, same, _ = augment(photo, sketch, matte, replace(PLAIN, enlarged=1), rng())
    assert changed.diff(dim=-1).abs().mean() < photo.diff(dim=-1).abs().mean()
    assert torch.equal(same, sketch)
