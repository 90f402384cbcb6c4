"""Sets are found as they are handed out, and what cannot be used is listed."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_pairs import draw_pair, write_pairs
from PIL import Image

from most_sketch.errors import InputError
from most_sketch.pairs.pairs import find_pairs, read_pictures, survey

HANDED_OUT = {
    "FS2K": ("photo/photo1/image0001.jpg", "sketch/sketch1/sketch0001.jpg", "part1"),
    "FS2K in halves": ("test/photo/photo1_image0001.jpg", "test/sketch/sketch1_sketch0001.jpg", "test"),
    "archives": (
        "CUHK_training_photo/photo/f-005-01.jpg",
        "CUHK_training_sketch/sketch/F2-005-01-sz1.jpg",
        "CUHK_training",
    ),
    "cropped": (
        "CUHK_testing_cropped_photos/m-001-01.jpg",
        "CUHK_testing_cropped_sketches/m-001-01-sz1.jpg",
        "set",
    ),
    "archives in folders": (
        "CUHK_testing_cropped_photos/CUHK_testing_cropped_photos/m-001-01.jpg",
        "CUHK_testing_cropped_sketches/CUHK_testing_cropped_sketches/m-001-01-sz1.jpg",
        "CUHK_testing_cropped/CUHK_testing_cropped",
    ),
    "CycleGAN": ("trainA/7.jpg", "trainB/7.jpg", "train"),
    "CycleGAN without halves": ("A/7.jpg", "B/7.jpg", "set"),
    "suffixes": ("photos/anna_photo.png", "sketches/anna_sketch.png", "set"),
    "generated": ("photos/anna_real_A.png", "sketches/anna_fake_B.png", "set"),
    "one folder": ("anna-photo.png", "anna-sketch.png", "set"),
    "groups": ("photos/ladies/anna.png", "sketches/ladies/anna.png", "ladies"),
}


@pytest.mark.parametrize("layout", HANDED_OUT)
def test_sets_as_they_are_handed_out(tmp_path: Path, layout: str) -> None:
    *files, database = HANDED_OUT[layout]
    for name, picture in zip(files, draw_pair(0), strict=True):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    (pair,) = find_pairs(tmp_path / "set")
    assert [pair.photo, pair.sketch] == [tmp_path / "set" / name for name in files]
    assert pair.database == database


@pytest.mark.parametrize("side", ["left", "right"])
def test_photo_and_sketch_side_by_side_are_told_by_colour(tmp_path: Path, side: str) -> None:
    photo, sketch = draw_pair(0)
    (tmp_path / "train").mkdir()
    for name in "12":
        both = Image.new("RGB", (80, 48))
        both.paste(photo, (0 if side == "left" else 40, 0))
        both.paste(sketch, (40 if side == "left" else 0, 0))
        both.save(tmp_path / "train" / f"{name}.png")
    pairs = survey(tmp_path, joined=True).pairs
    assert [pair.name for pair in pairs] == ["train/1", "train/2"]
    assert read_pictures(pairs[0])[0].tobytes() == photo.tobytes()
    assert read_pictures(pairs[0])[1].tobytes() == sketch.tobytes()
    # Only prepare reads them.
    with pytest.raises(InputError, match="no pairs found"):
        find_pairs(tmp_path)


def test_what_cannot_be_used_is_listed_and_the_rest_stays(tmp_path: Path) -> None:
    write_pairs(tmp_path, ["anna", "ben"])
    draw_pair(2)[0].save(tmp_path / "photos" / "cleo.png")
    draw_pair(2)[0].save(tmp_path / "photos" / "anna.jpg")
    (tmp_path / "sketches" / "dora.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "photo_points").mkdir()
    (tmp_path / "photo_points" / "nobody.pts").write_text("1 2")
    found = survey(tmp_path)
    assert [pair.photo.name for pair in found.pairs] == ["anna.jpg", "ben.png"]
    assert [path.name for path in found.alone] == ["cleo.png"]
    assert "two pictures for one name" in found.doubled[0]
    assert [line.split("/")[-1] for line in found.unread] == [
        "dora.pdf: not a picture that can be read",
        "nobody.pts: points of no picture that is there",
    ]


def test_halves_of_cyclegan_stay_apart(tmp_path: Path) -> None:
    for folder in ("trainA", "trainB", "testA", "testB"):
        (tmp_path / folder).mkdir()
        draw_pair(0)[0].save(tmp_path / folder / "1.png")
    assert [pair.name for pair in find_pairs(tmp_path)] == ["test/1", "train/1"]
