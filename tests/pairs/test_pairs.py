"""Pairs are found in every layout, named where they do not fit, and held out by a fixed rule."""

from __future__ import annotations

import unicodedata
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


def test_clutter_of_systems_is_no_data(tmp_path: Path) -> None:
    write_pairs(tmp_path, ["anna"])
    for folder in (".Trash-1000", "@eaDir", "__MACOSX"):
        write_pairs(tmp_path / folder, ["ben"])
        write_pairs(tmp_path / "photos" / folder, ["ben"])
    (tmp_path / "photos" / "._anna.png").write_bytes(b"of a Mac")
    assert [pair.photo.name for pair in find_pairs(tmp_path)] == ["anna.png"]


def test_accents_pair_up_however_they_are_written(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "Žofie") for form in ("NFC", "NFD"))
    assert composed != apart
    write_pairs(tmp_path, [composed])
    (tmp_path / "sketches" / f"{composed}.png").rename(tmp_path / "sketches" / f"{apart}.png")
    for folder, ending in (("masks", ".png"), ("photo_points", ".pts")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{apart}{ending}").write_bytes(b"")
    (pair,) = find_pairs(tmp_path)
    assert (pair.photo.stem, pair.sketch.stem) == (composed, apart)
    assert pair.mask is not None
    assert pair.photo_points is not None


def test_half_a_set_is_told_its_whole(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", ["anna"])
    for half in ("photos", "sketches"):
        with pytest.raises(InputError, match=r"no pairs found.*name the folder that holds both, .*pairs$"):
            find_pairs(tmp_path / "pairs" / half)
