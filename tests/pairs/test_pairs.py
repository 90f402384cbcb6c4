"""Pairs are found in every layout, held out by a fixed rule, sampled evenly and reproducibly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from drawn_pairs import SIZE, draw_pair, write_pairs

from most_sketch.errors import InputError
from most_sketch.pairs.pairs import find_pairs, hold_out, load_pair
from most_sketch.training.config import TrainConfig
from most_sketch.training.samples import PairSet, StyleSampler

PLAIN = TrainConfig(flip=False, shift=0, tone=0)


def test_pairs_are_found_at_any_depth_and_named_by_database(tmp_path: Path) -> None:
    write_pairs(tmp_path / "train" / "cuhk", ["b", "a"])
    write_pairs(tmp_path / "train" / "ar", ["c"])
    assert [pair.name for pair in find_pairs(tmp_path)] == ["train/ar/c", "train/cuhk/a", "train/cuhk/b"]
    assert [pair.name for pair in find_pairs(tmp_path / "train" / "ar")] == ["ar/c"]


@pytest.mark.parametrize(
    ("photos", "sketches", "photo", "sketch"),
    [
        ("photo", "sketch", "001", "001"),
        ("CUHK_training_cropped_photos", "CUHK_training_cropped_sketches", "f-005-01", "F2-005-01-sz1"),
        ("CUHK_testing_photos", "CUHK_testing_sketches", "m1-021-01", "M1-021-01-sz1"),
        ("photos", "sketches", "00001fb010_930831", "00001"),
        ("photo", "sketch", "00001fa010_930831", "00001ba010_930831"),
        ("Photos", "Sketches", "Anna", "anna"),
    ],
)
def test_layouts_in_which_the_sets_are_handed_out(
    tmp_path: Path, photos: str, sketches: str, photo: str, sketch: str
) -> None:
    for folder, name in ((photos, photo), (sketches, sketch)):
        (tmp_path / folder).mkdir()
        draw_pair(0)[0].save(tmp_path / folder / f"{name}.jpg")
    (pair,) = find_pairs(tmp_path)
    assert (pair.photo.stem, pair.sketch.stem) == (photo, sketch)


def test_pictures_without_a_partner_are_named(tmp_path: Path) -> None:
    write_pairs(tmp_path, ["anna", "ben"])
    (tmp_path / "sketches" / "ben.png").rename(tmp_path / "sketches" / "bob.png")
    with pytest.raises(InputError, match=r"photos/ben\.png.*sketches/bob\.png"):
        find_pairs(tmp_path)


def test_two_pictures_of_one_name_are_refused(tmp_path: Path) -> None:
    write_pairs(tmp_path, ["anna"])
    draw_pair(1)[0].save(tmp_path / "photos" / "anna.jpg")
    with pytest.raises(InputError, match="two pictures for one name"):
        find_pairs(tmp_path)


@pytest.mark.parametrize("content", ["nothing", "empty folders"])
def test_a_folder_without_pairs_says_what_is_expected(tmp_path: Path, content: str) -> None:
    if content == "empty folders":
        write_pairs(tmp_path, [])
    with pytest.raises(InputError, match="expected folders photos/ and sketches/"):
        find_pairs(tmp_path)


def test_every_tenth_of_each_database_is_held_out(tmp_path: Path) -> None:
    write_pairs(tmp_path / "x", [f"{i:02}" for i in range(21)])
    write_pairs(tmp_path / "y", [f"{i:02}" for i in range(3)])
    pairs = find_pairs(tmp_path)
    training, validation = hold_out(pairs)
    assert [pair.name for pair in validation] == ["x/00", "x/10", "x/20", "y/00"]
    assert sorted([*training, *validation], key=lambda pair: pair.name) == pairs
    assert hold_out(pairs, every=0) == (pairs, [])


def test_sizes_that_differ_within_a_pair_or_a_set_are_named(tmp_path: Path) -> None:
    write_pairs(tmp_path, ["anna", "ben"])
    draw_pair(1, (50, 60))[1].save(tmp_path / "sketches" / "ben.png")
    anna, ben = find_pairs(tmp_path)
    with pytest.raises(InputError, match=r"ben: the photo has 40 x 48 pixels and the sketch 50 x 60"):
        load_pair(ben)
    draw_pair(1, (50, 60))[0].save(tmp_path / "photos" / "ben.png")
    with pytest.raises(InputError, match=r"ben: 50 x 60 pixels, unlike the first pair's 40 x 48"):
        PairSet([[anna, ben]], PLAIN)


def test_without_augmentation_a_sample_is_the_pair_itself(tmp_path: Path) -> None:
    (pair,) = find_pairs(write_pairs(tmp_path, ["anna"]))
    photo, sketch, style, matte = PairSet([[pair]], PLAIN)[0, 0, 1]
    original = load_pair(pair)
    torch.testing.assert_close(photo, original[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(sketch, original[1], atol=1e-5, rtol=0)
    assert style == 0
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
