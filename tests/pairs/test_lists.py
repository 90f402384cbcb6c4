"""Lists of pairs that come with a set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from drawn_pairs import draw_pair

from most_sketch.errors import InputError
from most_sketch.pairs.lists import entry_of, listed_pairs, read_list
from most_sketch.pairs.pairs import find_pairs


def test_lists_are_read_as_sets_have_them(tmp_path: Path) -> None:
    path = tmp_path / "anno_train.json"
    path.write_text(
        json.dumps([{"image_name": "photo1/image0110.jpg", "hair": 0, "style": 2}, {"image_name": "photo2/image0001"}])
    )
    listed = read_list(path)
    assert listed == {"photo1/image0110": "style2", "photo2/image0001": ""}
    assert entry_of("photo/photo1/image0110", listed) == "photo1/image0110"
    assert entry_of("photo/photo2/image0110", listed) is None
    for text in ("{}", "[1]", "[]", "no json"):
        path.write_text(text)
        with pytest.raises(InputError, match="no list of pairs"):
            read_list(path)


def test_lines_of_a_list_may_have_endings_and_remarks(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text("# the first half\ncuhk/f-005-01.jpg\n\nar\\3.png # a backslash\n")
    listed = read_list(path)
    assert listed == {"cuhk/f-005-01": "", "ar/3": ""}
    assert entry_of("cuhk/photos/f-005-01", listed) == "cuhk/f-005-01"


def write_fs2k(root: Path) -> Path:
    """Four pairs as FS2K is released: `photo1` to `photo3` say where photos come from, not who drew them."""
    for seed, name in enumerate(("1/{}0110", "1/{}0404", "2/{}0001", "3/{}0001")):
        photo, sketch = draw_pair(seed)
        for folder, word, picture in (("photo", "image", photo), ("sketch", "sketch", sketch)):
            path = root / folder / f"{folder}{name.format(word)}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
    return root


def test_fs2ks_styles_are_told_by_its_list_and_not_by_its_folders(tmp_path: Path) -> None:
    root = write_fs2k(tmp_path / "fs2k")
    listed = {"photo3/image0001": "style2", "photo2/image0001": "style2", "photo1/image0404": "style1"}
    found = listed_pairs(find_pairs(root), root, listed)
    assert [pair.name for pair in found] == [
        "style1/part1/image0404",
        "style2/part2/image0001",
        "style2/part3/image0001",
    ]


def test_a_list_without_styles_leaves_databases_as_they_are(tmp_path: Path) -> None:
    root = write_fs2k(tmp_path / "fs2k")
    (pair,) = listed_pairs(find_pairs(root), root, {"photo1/image0110": ""})
    assert pair.name == "part1/image0110"


def test_names_of_a_list_that_no_pair_has_are_said(tmp_path: Path) -> None:
    root = write_fs2k(tmp_path / "fs2k")
    with pytest.raises(InputError, match=r"--list: no pairs have these names: photo2/image0009$"):
        listed_pairs(find_pairs(root), root, {"photo1/image0110": "", "photo2/image0009": ""})
