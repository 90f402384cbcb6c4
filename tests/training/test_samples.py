"""Samples are the pairs, of every style in its turn, whole epochs through and the same again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawn_pairs import SIZE, draw_pair, write_pairs
from PIL import Image

from most_sketch.errors import InputError
from most_sketch.pairs.pairs import find_pairs, load_pair
from most_sketch.training.augmentation import Backgrounds
from most_sketch.training.config import TrainConfig
from most_sketch.training.samples import PairSet, StyleSampler

PLAIN = TrainConfig(flip=False, shift=0, tone=0)


def test_a_size_that_differs_within_a_set_is_named(tmp_path: Path) -> None:
    write_pairs(tmp_path, ["anna", "ben"])
    for folder, picture in zip(("photos", "sketches"), draw_pair(1, (50, 60)), strict=True):
        picture.save(tmp_path / folder / "ben.png")
    with pytest.raises(InputError, match=r"ben: 50 x 60 pixels, unlike the first pair's 40 x 48"):
        PairSet([find_pairs(tmp_path)], PLAIN)


def test_without_augmentation_a_sample_is_the_pair_itself(tmp_path: Path) -> None:
    (pair,) = find_pairs(write_pairs(tmp_path, ["anna"]))
    photo, sketch, style, matte, reduce, by_artist = PairSet([[pair]], PLAIN)[0, 0, 1]
    original = load_pair(pair)
    torch.testing.assert_close(photo, original[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(sketch, original[1], atol=1e-5, rtol=0)
    assert (style, reduce, by_artist) == (0, 1, True)
    assert matte.shape == sketch.shape
    assert photo.shape == (3, SIZE[1], SIZE[0])


def test_styles_are_drawn_equally_often_and_every_pair_once_an_epoch() -> None:
    config = TrainConfig(steps=20, batch_size=2)
    drawn = [item for batch in StyleSampler([5, 2], config) for item in batch]
    assert Counter(style for style, _, _ in drawn) == {0: 20, 1: 20}
    first = [place for style, place, _ in drawn if style == 0]
    assert [sorted(first[i : i + 5]) for i in range(0, 20, 5)] == [list(range(5))] * 4
    assert first[:5] != first[5:10]
    assert len({seed for _, _, seed in drawn}) == 40


def test_styles_are_drawn_as_often_as_their_shares_say() -> None:
    config = TrainConfig(steps=12, batch_size=2, shares=(3,))
    drawn = [style for batch in StyleSampler([4, 2, 2, 2], config) for style, _, _ in batch]
    assert Counter(drawn) == {0: 12, 1: 4, 2: 4, 3: 4}
    assert drawn[:6] == drawn[6:12] == [0, 0, 1, 2, 3, 0]
    first = [place for batch in StyleSampler([4, 2, 2, 2], config) for style, place, _ in batch if style == 0]
    assert sorted(first[:4]) == sorted(first[4:8]) == [0, 1, 2, 3]


def test_a_sampler_that_starts_later_goes_on_with_the_same_samples() -> None:
    config = TrainConfig(steps=9, batch_size=3)
    assert list(StyleSampler([4], config, start=5)) == list(StyleSampler([4], config))[5:]
    assert list(StyleSampler([4], config)) != list(StyleSampler([4], TrainConfig(steps=9, batch_size=3, seed=1)))


def test_a_sample_is_the_same_on_any_number_of_threads(tmp_path: Path) -> None:
    """Large enough for sums on several: from 32,768 pixels."""
    pairs = find_pairs(write_pairs(tmp_path, ["a"], (250, 200)))
    data = PairSet([pairs], TrainConfig(tone=0.3, rotate=3, noise=1.0, blur=1.0, jpeg=1.0))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = data[0, 0, 5]
        torch.set_num_threads(4)
        together = data[0, 0, 5]
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other))


def test_a_set_puts_backgrounds_behind_its_photos_only(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", ["a"], (80, 96))
    (tmp_path / "walls").mkdir()
    Image.new("RGB", (200, 200), "navy").save(tmp_path / "walls" / "wall.png")
    pairs = find_pairs(tmp_path / "data")
    config = replace(PLAIN, background=1)
    photo, sketch, *_ = PairSet([pairs], config, Backgrounds(tmp_path / "walls"))[0, 0, 1]
    untouched, same, *_ = PairSet([pairs], config)[0, 0, 1]
    assert torch.equal(sketch, same)
    assert photo[0, 0, 0] < -0.9 < untouched[0, 0, 0]


def test_a_mask_says_what_is_background(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", ["a", "b"], (80, 96))
    (tmp_path / "walls").mkdir()
    Image.new("RGB", (200, 200), "navy").save(tmp_path / "walls" / "wall.png")
    masks = tmp_path / "data" / "masks"
    masks.mkdir()
    Image.new("L", (80, 96), 255).save(masks / "a.png")
    pairs = find_pairs(tmp_path / "data")
    assert [pair.mask for pair in pairs] == [masks / "a.png", None]
    data = PairSet([pairs], replace(PLAIN, background=1), Backgrounds(tmp_path / "walls"))
    masked, plain = (data[0, place, 1][0] for place in (0, 1))
    assert plain[0, 0, 0] < -0.9 < masked[0, 0, 0]
    Image.new("L", (40, 48), 255).save(masks / "a.png")
    (masks / "c.png").write_bytes((masks / "a.png").read_bytes())
    with pytest.raises(InputError, match=r"without a partner.*c\.png"):
        find_pairs(tmp_path / "data")
    with pytest.raises(InputError, match=r"a\.png: 40 x 48 pixels, unlike its photo's 80 x 96"):
        PairSet([pairs], PLAIN)


def test_a_step_sees_a_random_square_of_the_pair(tmp_path: Path) -> None:
    pairs = find_pairs(write_pairs(tmp_path, ["a"], (60, 70)))
    (whole,) = PairSet([pairs], PLAIN).pictures[0]
    cropped = PairSet([pairs], replace(PLAIN, crop=24))
    places = set()
    for seed in range(60):
        photo, sketch, _, matte, *_ = cropped[0, 0, seed]
        assert photo.shape == (3, 24, 24)
        assert sketch.shape == matte.shape == (1, 24, 24)
        found = [
            (top, left)
            for top in range(70 - 24 + 1)
            for left in range(60 - 24 + 1)
            if torch.allclose((whole[:3, top : top + 24, left : left + 24] / 127.5) - 1, photo, atol=1e-5)
        ]
        assert found
        places.add(found[0])
    assert len(places) > 30
    assert torch.equal(cropped[0, 0, 7][0], cropped[0, 0, 7][0])


def test_what_is_moved_into_a_square_comes_from_the_pair(tmp_path: Path) -> None:
    """A turned, shifted and enlarged square shows what is around it, not its own repeated border."""
    ramp = torch.arange(200, dtype=torch.uint8).repeat(200, 1)
    pairs = find_pairs(write_pairs(tmp_path, ["a"], (200, 200)))
    data = PairSet([pairs], replace(PLAIN, crop=40, shift=6, rotate=5, zoom=0.1))
    data.pictures[0][0] = ramp.expand(5, 200, 200)
    for seed in range(20):
        photo, *_ = data[0, 0, seed]
        steps = photo[0].diff(dim=1) * 127.5
        inside = photo[0, :, 1:].mul(127.5).add(127.5)
        # Away from the pair's own borders the ramp goes on everywhere.
        if inside.min() > 30 and inside.max() < 170:
            assert steps.min() > 0.7
            assert steps.max() < 1.3


def test_databases_of_a_style_have_detail_turns_and_makers_of_their_own(tmp_path: Path) -> None:
    for database in ("large", "small", "drawn"):
        write_pairs(tmp_path / database, ["anna", "ben"])
    config = replace(PLAIN, reduce=(4,), coarse=("small=2",), repeats=("large=3",), drawn_by_network=("drawn",))
    data = PairSet([find_pairs(tmp_path)], config)
    samples = [data[0, number, 1] for number in range(len(data.places[0]))]
    kinds = Counter((reduce, by_artist) for *_, reduce, by_artist in samples)
    assert kinds == {(4, True): 6, (2, True): 2, (4, False): 2}


@pytest.mark.parametrize("value", ["small", "small=0", "=2", "small=two"])
def test_a_number_of_a_database_that_is_none_is_named(tmp_path: Path, value: str) -> None:
    pairs = find_pairs(write_pairs(tmp_path, ["anna"]))
    with pytest.raises(InputError, match=f"coarse: DATABASE=N .*not '{value}'"):
        PairSet([pairs], replace(PLAIN, coarse=(value,)))


def test_pictures_may_differ_in_size_where_squares_are_cut_out_of_them(tmp_path: Path) -> None:
    write_pairs(tmp_path, ["anna", "ben"])
    for folder, picture in zip(("photos", "sketches"), draw_pair(1, (50, 60)), strict=True):
        picture.save(tmp_path / folder / "ben.png")
    data = PairSet([find_pairs(tmp_path)], replace(PLAIN, crop=32))
    assert {data[0, place, 1][0].shape for place in (0, 1)} == {(3, 32, 32)}
