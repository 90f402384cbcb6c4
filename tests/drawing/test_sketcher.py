"""The pipeline as a library: Pillow images in, pencil-sized grey sketches out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from taught_styles import style_file

import most_sketch
from most_sketch import FaceError, InputError, Sketcher, WeightsError
from most_sketch.drawing.torch_engine import TorchEngine
from most_sketch.photo.frame import FRAME_SIZE


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=float)


def test_a_photo_becomes_a_grey_picture_of_the_frames_size(sketcher: Sketcher, portrait: Image.Image) -> None:
    before = portrait.tobytes()
    sketch = sketcher.sketch(portrait)
    assert (sketch.size, sketch.mode) == (FRAME_SIZE, "L")
    assert pixels(sketch).std() > 1
    assert portrait.tobytes() == before


def test_any_mode_gives_the_same_sketch(sketcher: Sketcher, portrait: Image.Image) -> None:
    grey = portrait.convert("L")
    expected = sketcher.sketch(grey)
    for mode in ("RGB", "RGBA", "LA", "CMYK"):
        assert np.abs(pixels(sketcher.sketch(grey.convert(mode))) - pixels(expected)).max() <= 1


def test_what_is_aligned_already_is_not_aligned_again(sketcher: Sketcher, portrait: Image.Image) -> None:
    (crop,) = sketcher.crops(portrait)
    (again,) = sketcher.crops(crop.image)
    assert again.drawn.tobytes() == crop.image.tobytes()
    assert np.array_equal(again.placement, np.eye(3))
    whole = sketcher.sketch(crop.image, align=False)
    assert sketcher.sketch(crop.image, finish="none").tobytes() == whole.tobytes()


def test_a_shifted_crop_is_aligned_again(sketcher: Sketcher, portrait: Image.Image) -> None:
    (crop,) = sketcher.crops(portrait)
    shifted = Image.new("RGB", FRAME_SIZE, "white")
    shifted.paste(crop.image, (12, -10))
    (again,) = sketcher.crops(shifted)
    face = np.s_[80:200, 50:150]
    off = np.abs(pixels(shifted)[face] - pixels(crop.image)[face]).mean()
    assert np.abs(pixels(again.image)[face] - pixels(crop.image)[face]).mean() < off / 2


def test_many_photos_are_drawn_as_each_alone(
    sketcher: Sketcher, portrait: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("most_sketch.drawing.torch_engine.BATCH_SIZE", {"cpu": 2})
    photos = [portrait, portrait.transpose(Image.Transpose.FLIP_LEFT_RIGHT), portrait.convert("L")]
    for photo, sketch in zip(photos, sketcher.sketch_many(photos), strict=True):
        assert np.abs(pixels(sketch) - pixels(sketcher.sketch(photo))).max() <= 1
    assert sketcher.sketch_many([]) == []


def test_a_style_is_chosen_by_name(sketcher: Sketcher, portrait: Image.Image) -> None:
    assert sketcher.styles == ("pencil", "ink")
    default, pencil, ink = (sketcher.sketch(portrait, style) for style in (None, "pencil", "ink"))
    assert default.tobytes() == pencil.tobytes() != ink.tobytes()
    with pytest.raises(InputError, match=r"'chalk'.*pencil, ink"):
        sketcher.sketch(portrait, "chalk")


def test_a_taught_style_is_added_and_the_networks_are_shared(
    sketcher: Sketcher, large_sketcher: Sketcher, tiny_weights: Path, portrait: Image.Image, tmp_path: Path
) -> None:
    files = [style_file(tmp_path / f"{name}.safetensors", tiny_weights, name) for name in ("chalk", "wash")]
    both = sketcher.with_style(files[0]).with_style(files[1])
    loaded = Sketcher.load(tiny_weights, "cpu", "fp32", styles=files)
    assert sketcher.styles == ("pencil", "ink")
    assert both.styles == loaded.styles == ("pencil", "ink", "chalk", "wash")
    assert [sketch.tobytes() for sketch in both.draw([portrait.resize(FRAME_SIZE)] * 4, range(4))] == [
        sketch.tobytes() for sketch in loaded.draw([portrait.resize(FRAME_SIZE)] * 4, range(4))
    ]
    assert isinstance(sketcher.engine, TorchEngine)
    assert isinstance(both.engine, TorchEngine)
    before, after = sketcher.engine._generator.state_dict(), both.engine._generator.state_dict()
    own = {name for name in before if after[name].data_ptr() != before[name].data_ptr()}
    assert own == {f"memory.{part}" for part in ("keys", "values", "started", "idle")}

    with pytest.raises(InputError, match="have a style chalk already"):
        both.with_style(files[0])
    with pytest.raises(InputError, match=r"chalk\.safetensors: a style belongs to a file of weights"):
        large_sketcher.with_style(files[0])


def test_faces_come_from_left_to_right(sketcher: Sketcher, portrait: Image.Image) -> None:
    both = Image.new("RGB", (820, 512), "white")
    both.paste(portrait.resize((300, 300)), (0, 100))
    both.paste(portrait, (308, 0))
    left, right = sketcher.crops(both, count=None)
    (largest,) = sketcher.crops(both, count=1)
    assert left.face is not None
    assert right.face is not None
    assert left.face.area < right.face.area
    assert largest.face == right.face


@pytest.mark.parametrize("size", [(1, 1), (10, 300), (400, 400)])
def test_no_face_is_an_error_that_tells_the_way_out(sketcher: Sketcher, size: tuple[int, int]) -> None:
    blank = Image.new("RGB", size)
    with pytest.raises(FaceError, match=r"can go with align=False$"):
        sketcher.sketch(blank)
    assert sketcher.sketch(blank, align=False).size == FRAME_SIZE


def test_bfloat16_draws_nearly_the_same(sketcher: Sketcher, tiny_weights: Path, portrait: Image.Image) -> None:
    half = Sketcher.load(tiny_weights, device="cpu", precision="bf16")
    assert half.engine.dtype is torch.bfloat16
    difference = np.abs(pixels(half.sketch(portrait)) - pixels(sketcher.sketch(portrait)))
    assert 0 < difference.mean() < 8


def test_a_photo_is_drawn_the_same_alone_and_among_many(tiny_weights: Path) -> None:
    """In float32, unless another precision is asked for."""
    for photos in (1, 2, None):
        sketcher = Sketcher.load(tiny_weights, device="cpu", photos=photos)
        assert isinstance(sketcher.engine, TorchEngine)
        assert sketcher.engine.dtype is torch.float32


def test_unusable_devices_precisions_and_weights_are_named(tiny_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown device 'abacus'; use auto, cpu, cuda or mps"):
        Sketcher.load(tiny_weights, device="abacus")
    with pytest.raises(InputError, match="'meta' is not supported"):
        Sketcher.load(tiny_weights, device="meta")
    with pytest.raises(InputError, match="unknown precision 'int4'; use auto, fp32 or bf16"):
        Sketcher.load(tiny_weights, device="cpu", precision="int4")
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors"):
        Sketcher.load(tmp_path / "nowhere.safetensors")


def test_the_package_offers_its_public_names() -> None:
    for name in most_sketch.__all__:
        assert getattr(most_sketch, name) is not None
        assert name in dir(most_sketch)
    with pytest.raises(AttributeError, match="no attribute 'Sketchy'"):
        most_sketch.Sketchy  # noqa: B018


@pytest.mark.parametrize("size", [250, 500, 1250])
def test_a_sketch_has_the_size_that_is_asked_for(sketcher: Sketcher, portrait: Image.Image, size: int) -> None:
    assert sketcher.sketch(portrait, size=size).size == (size * 4 // 5, size)
    assert sketcher.sketch(portrait, align=False, size=size).size == (size * 4 // 5, size)


@pytest.mark.parametrize("size", [0, 249, 1251])
def test_other_sizes_are_refused(sketcher: Sketcher, portrait: Image.Image, size: int) -> None:
    with pytest.raises(InputError, match="250 to 1250 pixels high"):
        sketcher.sketch(portrait, size=size)


def test_a_sketch_is_as_large_as_weights_and_face_allow(large_sketcher: Sketcher, portrait: Image.Image) -> None:
    """Weights that draw at 400 x 500: never smaller, larger where the photo has the detail, up to their limit."""
    (face,) = large_sketcher.crops(portrait)
    eyes = face.face.eyes if face.face else ()
    for enlargement, height in ((0.5, 500), (1.8, 500), (2.25, 562), (4.0, 625)):
        # Eyes 51 pixels apart are those of a frame of 200 x 250.
        ratio = enlargement * 51 / (eyes[1][0] - eyes[0][0])
        photo = portrait.resize((round(ratio * portrait.width), round(ratio * portrait.height)))
        sketch = large_sketcher.sketch(photo)
        assert sketch.height == pytest.approx(height, abs=25)
        assert sketch.width == sketch.height * 4 / 5


def test_a_large_crop_is_not_aligned_again(large_sketcher: Sketcher, portrait: Image.Image) -> None:
    (crop,) = large_sketcher.crops(portrait)
    assert crop.image.size == (400, 500)
    (again,) = large_sketcher.crops(crop.image)
    assert again.image.tobytes() == crop.image.tobytes()


@pytest.fixture
def seen(sketcher: Sketcher, monkeypatch: pytest.MonkeyPatch) -> Sketcher:
    """One whose network sees a person in the middle of whatever it is shown, from top to bottom."""

    def person(image: Image.Image) -> np.ndarray:
        sureness = np.zeros((image.height // 4, image.width // 4), dtype=np.float32)
        sureness[13:, image.width // 16 : -image.width // 16] = 1
        return sureness

    monkeypatch.setattr(sketcher.engine, "person", person)
    return sketcher


def test_a_portrait_shows_more_of_the_person_at_the_same_scale_of_the_face(
    seen: Sketcher, portrait: Image.Image
) -> None:
    (wide,), (close,) = seen.crops(portrait), seen.crops(portrait, framing="face")
    assert close.size == FRAME_SIZE
    assert wide.size[1] > 1.3 * FRAME_SIZE[1]
    assert wide.size[0] * 5 == wide.size[1] * 4
    assert wide.frame_height == close.frame_height
    assert np.allclose(wide.placement[:2, :2], close.placement[:2, :2])
    assert wide.face is not None
    for eye in wide.face.eyes:
        across, down = wide.placement[:2] @ (*eye, 1)
        assert 0.3 * wide.size[0] < across < 0.7 * wide.size[0]
        assert 0.25 * wide.size[1] < down < 0.6 * wide.size[1]


def test_size_is_the_height_of_the_portrait(seen: Sketcher, portrait: Image.Image) -> None:
    (crop,) = seen.crops(portrait, size=700)
    assert crop.size == (560, 700)
    assert crop.frame_height < 700 / 1.3
    assert seen.sketch(portrait, size=700).size == (560, 700)


def test_only_the_photo_is_drawn_and_the_rest_is_paper(seen: Sketcher, portrait: Image.Image) -> None:
    close_up = portrait.crop((150, 30, 310, 210))
    (crop,) = seen.crops(close_up)
    assert crop.drawn.width * crop.drawn.height < 0.95 * crop.size[0] * crop.size[1]
    corners = crop.placement[:2, :2] @ np.array([(0, 160, 0, 160), (0, 0, 180, 180)]) + crop.placement[:2, 2:]
    (left, top), (right, bottom) = corners.min(axis=1), corners.max(axis=1)
    for picture in (seen.sketch(close_up), crop.image):
        shown = pixels(picture)
        assert picture.size == crop.size
        # The fading is worked out coarsely.
        above, below = shown[: max(0, int(top) - 4)], shown[int(bottom) + 4 :]
        beside = shown[:, : max(0, int(left) - 4)], shown[:, int(right) + 4 :]
        assert all((part == 255).all() for part in (above, below, *beside))
        assert sum(part.size for part in (above, below, *beside)) > 0


def test_a_network_that_cannot_tell_the_person_draws_the_face(sketcher: Sketcher, portrait: Image.Image) -> None:
    assert sketcher.crops(portrait)[0].size == FRAME_SIZE


def test_unknown_framings_and_finishes_are_named(sketcher: Sketcher, portrait: Image.Image) -> None:
    with pytest.raises(InputError, match="unknown framing 'wide'; use portrait or face"):
        sketcher.sketch(portrait, framing="wide")
    with pytest.raises(InputError, match="unknown finish 'gilt'; use fade or none"):
        sketcher.sketch(portrait, finish="gilt")


def test_a_picture_in_the_frame_is_not_faded_without_align(sketcher: Sketcher, portrait: Image.Image) -> None:
    framed = portrait.resize((400, 500))
    faded, left = (sketcher.sketch(framed, align=False, finish=finish) for finish in ("fade", "none"))
    assert faded.tobytes() == left.tobytes()
    faded, left = (sketcher.sketch(portrait, align=False, finish=finish) for finish in ("fade", "none"))
    assert (pixels(faded)[:20] == 255).all()
    assert (pixels(left)[:20] < 255).any()


def test_a_path_is_as_good_as_a_picture(sketcher: Sketcher, portrait_file: Path, portrait: Image.Image) -> None:
    expected = sketcher.sketch(portrait)
    assert sketcher.sketch(portrait_file).tobytes() == expected.tobytes()
    assert sketcher.sketch(str(portrait_file)).tobytes() == expected.tobytes()
    assert sketcher.sketch_many([portrait_file, portrait])[0].tobytes() == expected.tobytes()
    with pytest.raises(InputError, match=r"^nowhere\.jpg: no such file$"):
        sketcher.sketch("nowhere.jpg")
