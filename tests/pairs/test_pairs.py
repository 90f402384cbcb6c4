"""Pairs are found in every layout, named where they do not fit, and held out by a fixed rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_pairs import draw_pair, write_pairs

from most_sketch.errors import InputError
from most_sketch.pairs.pairs import find_pairs, hold_out, load_pair


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


def test_sizes_that_differ_within_a_pair_are_named(tmp_path: Path) -> None:
    write_pairs(tmp_path, ["anna", "ben"])
    draw_pair(1, (50, 60))[1].save(tmp_path / "sketches" / "ben.png")
    _, ben = find_pairs(tmp_path)
    with pytest.raises(InputError, match=r"ben: the photo has 40 x 48 pixels and the sketch 50 x 60"):
        load_pair(ben)
