"""A style is taught from drawn pairs to a tiny network, and what cannot be taught is one clear error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Command
from drawn_pairs import draw_pair, write_pairs
from PIL import Image, ImageOps
from tiny_runs import TINY

from most_sketch import InputError, Sketcher, teach
from most_sketch.checkpoints.manifest import checksum
from most_sketch.checkpoints.styles import Style, StyleInfo, read_style, save_style
from most_sketch.checkpoints.weights import Networks, save_weights
from most_sketch.drawing.options import ModelSpec
from most_sketch.network.encoder import Encoder
from most_sketch.network.generator import Generator, pad_to_stride
from most_sketch.network.precision import Precision
from most_sketch.photo.frame import FRAME_SIZE
from most_sketch.photo.images import to_tensor
from most_sketch.teaching.teach import MAX_PAIRS, Taught, Teaching
from most_sketch.training import losses
from most_sketch.training.perceptual import PerceptualBackbone, load_backbone

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = Teaching(steps=20, perceptual="none", device="cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two styles, untrained."""
    torch.manual_seed(0)
    config = replace(TINY, styles=("ink", "wash"))
    path = tmp_path_factory.mktemp("weights") / "writing.safetensors"
    save_weights(path, Networks(Generator(config), Encoder(1, config)))
    return path


@pytest.fixture
def pairs(tmp_path: Path) -> Callable[[int], Path]:
    return lambda count: write_pairs(tmp_path / "pairs", [f"{place:03}" for place in range(count)], FRAME_SIZE)


def test_ten_pairs_make_a_style_that_the_weights_draw_in(
    weights: Path, pairs: Callable[[int], Path], tmp_path: Path
) -> None:
    told: dict[str, tuple[int, int]] = {}
    taught = teach(
        pairs(10),
        "mine",
        weights,
        description="cartoons",
        how=QUICK,
        report=lambda what, *done: told.update({what: done}),
    )
    assert all(done == total for done, total in told.values())
    assert told["tuning"] == (20, 20)
    assert taught.held_out == 2
    assert taught.nearest in ("ink", "wash")
    assert list(taught.differences) == ["nearest", "tuned"]
    assert taught.differences[taught.kept] == min(taught.differences.values()) < taught.differences["nearest"]
    assert taught.problems == ()
    assert (taught.sheet.width, taught.sheet.height) > (4 * 200, 2 * 250)

    info = taught.style.info
    assert (info.name, info.description, info.pairs) == ("mine", "cartoons", 10)
    assert (info.weights, info.sha256) == ("writing.safetensors", checksum(weights))
    assert taught.nearest in info.made
    assert taught.kept in info.made
    file = tmp_path / "mine.safetensors"
    save_style(file, taught.style)
    assert file.stat().st_size < 2_000_000
    again = read_style(file)
    assert torch.equal(again.values, taught.style.values)
    assert again.change.keys() == taught.style.change.keys() != set()
    assert all(torch.equal(again.change[name], tensor) for name, tensor in taught.style.change.items())
    sketcher = Sketcher.load(weights, "cpu", "fp32", styles=[file])
    assert sketcher.styles == ("ink", "wash", "mine")
    # What a cluster's driver knows without the tensors, and its workers load.
    network = ModelSpec(weights, "cpu", styles=(str(file),))
    assert network.config().styles == network.load().styles == sketcher.styles
    photo = Image.open(tmp_path / "pairs" / "photos" / "000.png")
    drawings = [sketcher.sketch(photo, style, align=False).tobytes() for style in sketcher.styles]
    assert len(set(drawings)) == 3


def test_one_pair_is_enough_and_no_time_leaves_the_nearest_style(weights: Path, pairs: Callable[[int], Path]) -> None:
    folder = pairs(1)
    taught = teach(folder, "mine", weights, how=replace(QUICK, minutes=0))
    assert taught.held_out == 0
    assert taught.differences.keys() == {taught.kept} == {"nearest"}
    assert taught.style.change == {}
    assert taught.nearest in taught.style.info.made
    again = teach(folder, "mine", weights, how=replace(QUICK, minutes=0))
    assert torch.equal(taught.style.values, again.style.values)
    assert taught.sheet.tobytes() == again.sheet.tobytes()


def test_a_backbone_compares_texture_too(weights: Path, pairs: Callable[[int], Path], backbone_file: Path) -> None:
    how = replace(QUICK, steps=1, perceptual=str(backbone_file))
    with_it, without = (teach(pairs(1), "mine", weights, how=each) for each in (how, replace(how, perceptual="none")))
    assert with_it.differences["tuned"] != without.differences["tuned"]
    assert with_it.differences["nearest"] == without.differences["nearest"]


def test_tuning_in_bfloat16_comes_nearer_too(
    weights: Path, pairs: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = teach(pairs(1), "mine", weights, how=QUICK)
    monkeypatch.setattr("most_sketch.teaching.lora_tuning.choose_precision", lambda *_: Precision(torch.bfloat16))
    taught = teach(pairs(1), "mine", weights, how=QUICK)
    assert taught.kept == "tuned"
    assert taught.differences["tuned"] != exact.differences["tuned"]
    assert taught.differences["tuned"] == pytest.approx(exact.differences["tuned"], rel=0.1)
    assert all(tensor.isfinite().all() for tensor in taught.style.change.values())


def test_by_default_vgg_compares_too_where_it_can_be_had(
    command: Command,
    weights: Path,
    pairs: Callable[[int], Path],
    backbone_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = pairs(1)
    how = replace(QUICK, steps=1, perceptual="auto")
    options = ("--weights", weights, "--steps", 1, "--device", "cpu", "--offline")
    answer = command("teach", folder, "--name", "mine", "-o", tmp_path / "mine.safetensors", *options)
    assert answer.code == 0
    assert "without VGG-19 strokes are compared less well" in answer.err
    assert "no connection was made" in answer.err
    without, none = (
        teach(folder, "mine", weights, how=each, offline=True) for each in (how, replace(how, perceptual="none"))
    )
    assert (bool(without.unaided), none.unaided) == (True, "")
    assert without.differences == none.differences

    with_file = teach(folder, "mine", weights, how=replace(how, perceptual=str(backbone_file)))

    def vgg19(choice: str, *, unit_features: bool, offline: bool) -> PerceptualBackbone | None:
        assert (choice, offline) == ("vgg19", False)
        return load_backbone(str(backbone_file), unit_features)

    monkeypatch.setattr("most_sketch.teaching.teach.load_backbone", vgg19)
    with_it = teach(folder, "mine", weights, how=how)
    assert with_it.differences == with_file.differences != none.differences
    assert with_it.unaided == ""
    assert teach(folder, "mine", weights, how=replace(how, minutes=0), offline=True).unaided == ""


def test_pairs_that_are_not_in_the_frame_are_brought_into_it(
    weights: Path, pairs: Callable[[int], Path], portrait: Image.Image
) -> None:
    folder = pairs(2)
    for name, picture in (("portrait", portrait), ("wall", Image.new("RGB", (300, 300), "grey"))):
        picture.save(folder / "photos" / f"{name}.png")
        picture.convert("L").save(folder / "sketches" / f"{name}.png")
    (folder / "photos" / "broken.png").write_bytes(b"")
    (folder / "sketches" / "broken.png").write_bytes(b"")
    taught = teach(folder, "mine", weights, how=replace(QUICK, minutes=0))
    assert taught.style.info.pairs == 3
    assert sorted(problem.rpartition("/")[2][:20] for problem in taught.problems) == [
        "broken.png: empty fi",
        "wall: no face found ",
    ]


def test_what_cannot_be_taught_is_one_clear_error(weights: Path, pairs: Callable[[int], Path], tmp_path: Path) -> None:
    folder = pairs(1)
    for name, message in (
        ("ink", "name='ink': .* has a style of this name; there is ink, wash"),
        ("all", "name='all': all means every style"),
        ("../mine", "name='../mine': a style's name is"),
    ):
        with pytest.raises(InputError, match=message):
            teach(folder, name, weights, how=QUICK)
    with pytest.raises(InputError, match="nowhere: no such folder"):
        teach(tmp_path / "nowhere", "mine", weights, how=QUICK)
    for kind in ("photos", "sketches"):
        Image.new("L", (300, 300), "grey").save(folder / kind / "000.png")
    with pytest.raises(InputError, match=r"no pair can be used \(pairs/000: no face found"):
        teach(folder, "mine", weights, how=QUICK)
    with pytest.raises(InputError, match=f"{MAX_PAIRS + 1} pairs; a style is taught from at most {MAX_PAIRS}"):
        teach(pairs(MAX_PAIRS + 1), "mine", weights, how=QUICK)


@pytest.fixture(scope="module")
def matting_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `weights`, but of a network that has learnt which of the drawn photos is face and which is wall."""
    torch.manual_seed(0)
    config = replace(TINY, matting=True)
    generator = Generator(config)
    assert generator.matte is not None
    photos = torch.stack([to_tensor(draw_pair(seed, FRAME_SIZE)[0]) for seed in range(20, 26)])
    with torch.no_grad():
        features, _ = generator.photo_encoder(pad_to_stride(photos, config.feature_stride))
    person = pad_to_stride((photos.mean(dim=1, keepdim=True) < 0.98).float(), config.feature_stride)
    optimiser = torch.optim.Adam(generator.matte.parameters(), 0.02)
    for _ in range(150):
        optimiser.zero_grad()
        losses.matte(generator.matte(features), person).backward()
        optimiser.step()
    path = tmp_path_factory.mktemp("weights") / "matting.safetensors"
    save_weights(path, Networks(generator, Encoder(1, config)))
    return path


def test_white_chalk_on_black_is_drawn_on_black(
    matting_weights: Path, pairs: Callable[[int], Path], tmp_path: Path
) -> None:
    folder = pairs(3)
    for path in (folder / "sketches").iterdir():
        ImageOps.invert(Image.open(path)).save(path)
    taught = teach(folder, "chalk", matting_weights, how=replace(QUICK, steps=5))
    # The drawn paper is 245.
    assert taught.style.info.paper == pytest.approx(-1 + 2 * 10 / 255, abs=1e-3)
    save_style(tmp_path / "chalk.safetensors", taught.style)
    sketcher = Sketcher.load(matting_weights, "cpu", "fp32", styles=[tmp_path / "chalk.safetensors"])
    assert sketcher.papers == (255, 10)
    photo = Image.open(folder / "photos" / "000.png")
    white, black = (np.asarray(sketcher.sketch(photo, style, align=False)) for style in sketcher.styles)
    for row, column in ((3, 3), (3, -4), (120, 2)):
        assert white[row, column] == 255
        assert black[row, column] == 10
    assert taught.sheet.getpixel((2 * 204 + 3, 3)) == (10, 10, 10)


def test_dark_paper_stays_dark_where_pairs_are_brought_into_the_frame(
    matting_weights: Path, portrait: Image.Image, tmp_path: Path
) -> None:
    # The face is near the border, and the drawing goes on beyond it.
    near = portrait.crop((130, 0, 512, 512))
    near.save(_made(tmp_path / "photos") / "a.png")
    chalk = Image.new("L", near.size, 20)
    chalk.paste(235, (60, 90, 110, 150))
    chalk.save(_made(tmp_path / "sketches") / "a.png")
    taught = teach(tmp_path, "chalk", matting_weights, how=replace(QUICK, minutes=0))
    drawn = np.asarray(taught.sheet.convert("L"))[:250, -200:]
    assert (drawn == 235).any()
    for edge in (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]):
        assert (edge == 20).all()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.fixture
def taught(command: Command, weights: Path, pairs: Callable[[int], Path], tmp_path: Path) -> Path:
    """A style that the command taught from two pairs."""
    file = tmp_path / "mine.safetensors"
    options = ("--weights", weights, "--minutes", 0, "--device", "cpu", "--description", "cartoons")
    answer = command("teach", pairs(2), "--name", "mine", "-o", file, "--sheet", tmp_path / "sheet.png", *options)
    assert (answer.code, answer.out) == (0, b"")
    assert "as it is: nothing that was tuned came nearer\n" in answer.err
    assert "it did not help: on the pairs that taught it" in answer.err
    return file


def test_the_command_writes_style_and_sheet_and_the_others_take_it(
    command: Command, weights: Path, taught: Path, tmp_path: Path
) -> None:
    assert Image.open(tmp_path / "sheet.png").width > 4 * 200
    photo = tmp_path / "pairs" / "photos" / "000.png"
    draw = ("convert", photo, "--weights", weights, "--no-align", "--device", "cpu")
    assert command(*draw, "--style", taught, "-o", tmp_path / "one.png").code == 0
    assert command(*draw, "--style", taught, "--style", "wash", "-o", tmp_path / "some").code == 0
    assert {path.name for path in (tmp_path / "some").iterdir()} == {
        "000.mine.sketch.png",
        "000.wash.sketch.png",
    }
    assert (tmp_path / "some" / "000.mine.sketch.png").read_bytes() == (tmp_path / "one.png").read_bytes()
    assert command(*draw, "--style", "all", "--style", taught, "-o", tmp_path / "every").code == 0
    assert len(list((tmp_path / "every").iterdir())) == 3
    assert command(*draw, "--style", taught, "--style", "ink", "-o", "-").code == 2
    answer = command("styles", "--weights", weights, "--style", taught)
    assert answer.out.decode().splitlines() == ["ink", "wash", "mine  cartoons"]


def test_what_the_command_refuses_is_one_line(
    command: Command, weights: Path, tiny_weights: Path, taught: Path, tmp_path: Path
) -> None:
    before = taught.read_bytes()
    options = ("teach", tmp_path / "pairs", "--name", "mine", "--weights", weights, "--device", "cpu")
    for more, message in (
        (("-o", taught), "mine.safetensors: is there already; replace it with --overwrite"),
        (("-o", tmp_path / "x.safetensors", "--sheet", tmp_path / "sheet.png"), "sheet.png: is there already"),
    ):
        answer = command(*options, *more)
        assert (answer.code, answer.err.count("\n")) == (1, 1)
        assert message in answer.err
    for more, message in (
        (("-o", tmp_path / "mine.txt"), "a style is a .safetensors file"),
        (("-o", tmp_path / "x.safetensors", "--sheet", tmp_path / "sheet.txt"), "pictures are saved as .png"),
    ):
        answer = command(*options, *more)
        assert answer.code == 2
        assert message in answer.err
    assert taught.read_bytes() == before
    photo = tmp_path / "pairs" / "photos" / "000.png"
    for arguments, message in (
        (("--weights", tiny_weights, "--style", taught), "mine belongs to the weights writing.safetensors ("),
        (("--weights", weights, "--style", tmp_path / "nowhere.safetensors"), "nowhere.safetensors: cannot be read"),
        (("--weights", weights, "--style", weights), "not a style of most-sketch"),
        (("--weights", weights, "--style", "mine"), "no style 'mine' in these weights"),
    ):
        answer = command("convert", photo, "--no-align", "--device", "cpu", *arguments)
        assert (answer.code, answer.err.count("\n")) == (1, 1)
        assert message in answer.err


def test_how_far_it_came_is_told_in_words() -> None:
    style = Style(StyleInfo(), torch.zeros(2, 8), torch.zeros(2, 8))
    sheet = Image.new("L", (1, 1))
    came = Taught(style, "ink", {"nearest": 0.5, "tuned": 0.44}, "tuned", 2, (), "", sheet)
    assert came.outcome() == "nearer to the artist by 12 % than ink, on 2 held-out pairs"
    stayed = Taught(style, "ink", {"nearest": 0.5, "tuned": 0.51}, "nearest", 0, (), "", sheet)
    assert stayed.outcome().startswith("it did not help: on the pairs that taught it nothing came nearer to the artist")
