"""A sketch belongs to its photo and its settings: what is skipped, what is drawn anew, and what is refused."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from most_sketch.drawing.batch import run
from most_sketch.drawing.jobs import plan
from most_sketch.drawing.options import ROLE, RUN, UNNAMED, Options
from most_sketch.drawing.records import Record
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.photo.provenance import find_record

PENCIL = Options(("pencil",), usual_style="pencil", align=False)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.radial_gradient("L").resize((200, 250)).save(tmp_path / "me.jpg")
    return tmp_path / "me.jpg"


def drawn(sketcher: Sketcher, photo: Path, options: Options = PENCIL, output: Path | None = None) -> Record:
    jobs, _ = plan([str(photo)], output and str(output))
    (record,) = run(sketcher, jobs, options)
    return record


def another(photo: Path) -> None:
    """Another photo under the same name."""
    Image.linear_gradient("L").resize((200, 250)).save(photo)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_what_was_drawn_is_left_whatever_its_format(sketcher: Sketcher, photo: Path, suffix: str) -> None:
    sketch = photo.with_name(f"sketch{suffix}")
    assert drawn(sketcher, photo, output=sketch).status == "drawn"
    before = sketch.read_bytes()
    assert drawn(sketcher, photo, output=sketch).status == "skipped"
    # The same photo, copied or touched.
    os.utime(photo, (1, 1))
    assert drawn(sketcher, photo, output=sketch).status == "skipped"
    assert sketch.read_bytes() == before
    assert drawn(sketcher, photo, replace(PENCIL, overwrite=True), sketch).status == "drawn"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_what_is_ours_and_untouched_is_drawn_anew(sketcher: Sketcher, photo: Path, suffix: str) -> None:
    sketch = photo.with_name(f"sketch{suffix}")
    for options in (PENCIL, replace(PENCIL, size=300), replace(PENCIL, styles=("ink",))):
        assert drawn(sketcher, photo, options, sketch).status == "drawn"
        assert drawn(sketcher, photo, options, sketch).status == "skipped"
    before = sketch.read_bytes()
    another(photo)
    assert drawn(sketcher, photo, replace(PENCIL, styles=("ink",)), sketch).status == "drawn"
    assert sketch.read_bytes() != before


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_what_is_of_somebody_else_is_refused(sketcher: Sketcher, photo: Path, suffix: str) -> None:
    sketch = photo.with_name(f"sketch{suffix}")
    Image.new("L", (9, 9)).save(sketch)
    before = sketch.read_bytes()
    record = drawn(sketcher, photo, output=sketch)
    assert (record.status, record.reason) == (
        "failed",
        f"{sketch}: is there already, and is not of most-sketch; replace it with --overwrite",
    )
    assert sketch.read_bytes() == before


def test_a_sketch_that_was_changed_is_not_replaced(sketcher: Sketcher, photo: Path) -> None:
    """As an editor does that keeps metadata, and one that changes nothing else."""
    sketch = Path(str(drawn(sketcher, photo).outputs[0]))
    with Image.open(sketch) as image:
        image.load()
    changed = image.point(lambda level: 255 - level)
    text = PngInfo()
    text.add_text("most-sketch", image.info["most-sketch"])
    changed.save(sketch, pnginfo=text)
    assert drawn(sketcher, photo).status == "skipped"
    another(photo)
    record = drawn(sketcher, photo)
    assert record.status == "failed"
    assert "was changed since most-sketch drew it" in record.reason


def test_the_sketch_of_another_photo_is_not_replaced(sketcher: Sketcher, photo: Path) -> None:
    sketch = photo.with_name("sketch.png")
    drawn(sketcher, photo, output=sketch)
    other = photo.with_name("you.jpg")
    another(other)
    record = drawn(sketcher, other, output=sketch)
    assert "is the sketch of another photo" in record.reason
    # The same picture under another name is not another photo.
    other.write_bytes(photo.read_bytes())
    assert drawn(sketcher, other, output=sketch).status == "skipped"


def test_faces_are_not_left_out_for_a_photo_that_is_called_as_one(
    sketcher: Sketcher, portrait: Image.Image, tmp_path: Path
) -> None:
    for name in ("club.png", "club.1.jpg"):
        portrait.save(tmp_path / name)
    one = Options(("pencil",), usual_style="pencil")
    assert {record.status for record in run(sketcher, plan([str(tmp_path)])[0], one)} == {"drawn"}
    every = replace(one, faces=None, number_faces=True)
    records = list(run(sketcher, plan([str(tmp_path)], may_be_tag=str.isdecimal)[0], every))
    assert {record.status for record in records} == {"drawn"}
    assert {path.name for path in tmp_path.iterdir()} == {
        "club.png", "club.sketch.png", "club.png.1.sketch.png",
        "club.1.jpg", "club.1.sketch.png", "club.1.1.sketch.png",
    }  # fmt: skip


def test_a_link_as_output_stays_one_and_what_it_leads_to_is_written(sketcher: Sketcher, photo: Path) -> None:
    link, target = photo.with_name("link.png"), photo.with_name("elsewhere") / "kept.png"
    link.symlink_to(target)
    assert drawn(sketcher, photo, output=link).status == "drawn"
    assert link.is_symlink()
    assert Image.open(target).size == (200, 250)
    assert drawn(sketcher, photo, output=link).status == "skipped"
    another(photo)
    assert drawn(sketcher, photo, output=link).status == "drawn"
    assert link.is_symlink()


def test_the_metadata_says_all_settings_and_nothing_of_the_photo(sketcher: Sketcher, photo: Path) -> None:
    sketch = Path(str(drawn(sketcher, photo, replace(PENCIL, size=300)).outputs[0]))
    data = sketch.read_bytes()
    found = find_record(data)
    assert found is not None
    settings = found[0]["settings"]
    assert (settings["style"], settings["size"], settings["align"], settings["layout"]) == (
        "pencil",
        300,
        False,
        "crop",
    )
    silent = {each.name for each in fields(Options) if each.metadata.get(ROLE) == RUN}
    assert settings.keys() == {each.name for each in fields(Options)} - silent | {"style", "source"}
    assert b"me.jpg" not in data
    assert Image.open(sketch).info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_an_option_without_a_role_is_in_metadata_and_name() -> None:
    """So that nobody who adds one need think of either."""
    roles = {each.name: each.metadata.get(ROLE) for each in fields(Options)}
    assert {*roles.values()} == {None, RUN, UNNAMED}
    for name, role in roles.items():
        assert (name in Options(("pencil",)).settings("pencil")) == (role != RUN)


def test_an_option_that_was_not_there_yet_was_as_by_default(
    sketcher: Sketcher, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        before = Options.settings
        earlier.setattr(
            Options,
            "settings",
            lambda self, style: {name: value for name, value in before(self, style).items() if name != "layout"},
        )
        assert drawn(sketcher, photo).status == "drawn"
    assert drawn(sketcher, photo, replace(PENCIL)).status == "skipped"
