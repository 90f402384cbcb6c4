"""A style's file: a memory that goes with one network, and nothing else is taken for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import Command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file
from taught_styles import style_file

from most_sketch.checkpoints.header import CONFIG_KEY, STYLE_KEY
from most_sketch.checkpoints.manifest import checksum
from most_sketch.checkpoints.styles import (
    MAX_STYLE,
    Style,
    StyleInfo,
    read_style,
    read_style_info,
    read_styles_of,
    save_style,
    style_alone,
    with_styles,
)
from most_sketch.checkpoints.weights import load_weights, save_weights
from most_sketch.config import to_dict
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.errors import InputError, WeightsError
from most_sketch.network.baselines import UNet256
from most_sketch.network.config import ModelConfig


@pytest.fixture
def style(tiny_weights: Path) -> Style:
    torch.manual_seed(1)
    info = StyleInfo(
        name="chalk", description="white on black", weights="tiny", sha256=checksum(tiny_weights), pairs=10
    )
    return Style(info, *torch.randn(2, 8, 8).half().float())


@pytest.fixture
def file(tmp_path: Path, style: Style) -> Path:
    save_style(tmp_path / "new" / "chalk.safetensors", style)
    return tmp_path / "new" / "chalk.safetensors"


def with_info(file: Path, text: str) -> Path:
    save_file(load_file(file), file, {STYLE_KEY: text})
    return file


def test_a_style_is_read_as_it_was_written(file: Path, style: Style) -> None:
    again = read_style(file)
    assert again.info == style.info == read_style_info(file)
    assert torch.equal(again.keys, style.keys)
    assert torch.equal(again.values, style.values)
    assert {tensor.dtype for tensor in load_file(file).values()} == {torch.float16}


def test_weights_draw_in_it_beside_their_own_styles(tiny_weights: Path, style: Style) -> None:
    before = load_weights(tiny_weights)
    after = with_styles(before, [style])
    assert after.config.styles == (*before.config.styles, "chalk")
    photo = torch.rand(1, 3, 20, 16)
    for index in range(2):
        assert torch.equal(after(photo, torch.tensor([index])), before(photo, torch.tensor([index])))
    drawn = after(photo, torch.tensor([2]))
    before.memory.keys[1], before.memory.values[1] = style.keys, style.values
    assert torch.equal(drawn, before(photo, torch.tensor([1])))


@pytest.fixture
def bold(tiny_weights: Path, tmp_path: Path) -> Style:
    """A style with a change of the renderer."""
    return read_style(style_file(tmp_path / "bold.safetensors", tiny_weights, "bold"))


def test_a_change_of_the_renderer_is_kept_and_is_that_of_its_style_alone(
    tiny_weights: Path, style: Style, bold: Style
) -> None:
    plain, one, both = (with_styles(load_weights(tiny_weights), each) for each in ([style], [bold], [style, bold]))
    photos = torch.rand(4, 3, 20, 16)
    mixed = both(photos, torch.tensor([3, 0, 3, 2]))
    torch.testing.assert_close(mixed[[1, 3]], plain(photos[[1, 3]], torch.tensor([0, 2])))
    torch.testing.assert_close(mixed[[0, 2]], one(photos[[0, 2]], torch.tensor([2, 2])))
    assert (mixed[0] - plain(photos[:1], torch.tensor([2]))[0]).abs().max() > 0.01
    # One style after another is the same as both at once.
    again = with_styles(with_styles(load_weights(tiny_weights), [bold]), [style])
    torch.testing.assert_close(again(photos[:1], torch.tensor([2])), one(photos[:1], torch.tensor([2])))
    alone = style_alone(load_weights(tiny_weights), bold)
    assert alone.config.styles == ("bold",)
    torch.testing.assert_close(alone(photos, torch.zeros(4).long()), one(photos, torch.full((4,), 2)))
    assert alone.state_dict().keys() == load_weights(tiny_weights).state_dict().keys()


def test_a_change_that_does_not_fit_is_refused(tiny_weights: Path, style: Style) -> None:
    with pytest.raises(WeightsError, match=r"style chalk changes what the weights have not: there is no decoder\.bias"):
        with_styles(load_weights(tiny_weights), [replace(style, change={"decoder.bias": torch.ones(3)})])


def test_its_paper_is_around_what_is_drawn(
    tiny_weights: Path, style: Style, tmp_path: Path, portrait_file: Path, convert: Command
) -> None:
    dark = replace(style, info=replace(style.info, paper=-0.7))
    save_style(tmp_path / "dark.safetensors", dark)
    assert read_style(tmp_path / "dark.safetensors").info.paper == -0.7
    sketcher = Sketcher.load(tiny_weights, "cpu", "fp32", styles=[tmp_path / "dark.safetensors"])
    assert sketcher.papers == (255, 255, 38)
    both = ("--style", "ink", "--style", tmp_path / "dark.safetensors")
    assert convert(portrait_file, "--layout", "photo", *both, "-o", tmp_path / "out").code == 0
    corners = {path.name.split(".")[1]: Image.open(path).getpixel((0, 0)) for path in (tmp_path / "out").iterdir()}
    assert corners == {"ink": 255, "chalk": 38}


def test_other_weights_are_named(file: Path, tiny_weights: Path, tmp_path: Path) -> None:
    assert read_styles_of(tiny_weights, "tiny", [file])[0].info.name == "chalk"
    save_weights(tmp_path / "other.safetensors", load_weights(tiny_weights), torch.float16)
    with pytest.raises(WeightsError, match=r"chalk belongs to the weights tiny \([0-9a-f]{12}\), not to mine \("):
        read_styles_of(tmp_path / "other.safetensors", "mine", [file])


def test_names_and_shapes_that_do_not_fit_are_refused(tiny_weights: Path, style: Style) -> None:
    generator = load_weights(tiny_weights)
    with pytest.raises(InputError, match="have a style ink already"):
        with_styles(generator, [replace(style, info=replace(style.info, name="ink"))])
    with pytest.raises(InputError, match="must be 1 to 256 different names"):
        with_styles(generator, [style, style])
    with pytest.raises(WeightsError, match="memory of the style chalk is of another shape"):
        with_styles(generator, [replace(style, keys=torch.ones(8, 7))])
    with pytest.raises(InputError, match="one style only"):
        with_styles(UNet256(ModelConfig(architecture="pix2pix", stem_channels=1)), [style])


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": "1"},
        {"name": "../../ink"},
        {"name": "all"},
        {"name": ["ink"]},
        {"description": "two\nlines"},
        {"description": "x" * 100_000},
        {"weights": "\x1b[31m"},
        {"sha256": "0" * 63},
        {"sha256": "G" * 64},
        {"pairs": 0},
        {"pairs": True},
        {"paper": 1.01},
        {"paper": -1e300},
        {"paper": "white"},
        {"paper": True},
        {"unheard_of": 1},
    ],
    ids=lambda change: str(change)[:30],
)
def test_what_no_style_says_is_refused_in_one_line(file: Path, style: Style, change: dict[str, object]) -> None:
    with pytest.raises(WeightsError, match=f"^{file}: {STYLE_KEY} in its metadata cannot be used") as error:
        read_style(with_info(file, json.dumps(to_dict(style.info) | change)))
    assert len(str(error.value)) < 1000
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "not json", '{"name": "a", "name": "b"}', "[" * 100_000, '{"pairs": NaN}'])
def test_metadata_that_is_none_is_refused(file: Path, text: str) -> None:
    with pytest.raises(WeightsError, match=f"^{file}: {STYLE_KEY} in its metadata cannot be used"):
        read_style(with_info(file, text))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"keys": torch.ones(8, 8)}, "not the keys and values"),
        ({"keys": torch.ones(8, 8), "values": torch.ones(8, 4)}, "not the keys and values"),
        ({"keys": torch.ones(8), "values": torch.ones(8)}, "not the keys and values"),
        ({"keys": torch.ones(8, 8), "values": torch.ones(8, 8), "more": torch.ones(1)}, "not the keys and values"),
        ({"keys": torch.ones(8, 8), "values": torch.full((8, 8), torch.nan)}, "values that are not finite"),
        ({"keys": torch.ones(8, 8), "values": torch.ones(8, 8), "renderer.\x1b[31m": torch.ones(1)}, "no style's"),
        ({"keys": torch.ones(8, 8), "values": torch.ones(8, 8), f"renderer.{'a' * 999}": torch.ones(1)}, "no style's"),
        ({"keys": torch.ones(8, 8).double(), "values": torch.ones(8, 8).double()}, "a tensor of type F64"),
        ({"keys": torch.ones(8, MAX_STYLE // 64), "values": torch.ones(8, MAX_STYLE // 64)}, "larger than the 16 MiB"),
    ],
)
def test_tensors_that_are_no_memory_are_refused(
    file: Path, style: Style, tensors: dict[str, torch.Tensor], message: str
) -> None:
    save_file(tensors, file, {STYLE_KEY: json.dumps(to_dict(style.info))})
    with pytest.raises(WeightsError, match=message):
        read_style(file)


def test_weights_and_styles_are_told_apart(file: Path, tiny_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not a style of most-sketch"):
        read_style(tiny_weights)
    with pytest.raises(WeightsError, match="is a style, not weights; draw in it with --style"):
        load_weights(file)
    save_file(load_file(file), file, {CONFIG_KEY: "{}", STYLE_KEY: "{}"})
    with pytest.raises(WeightsError, match="do not fit the network"):
        load_weights(file)
    for path, message in ((tmp_path, "is a folder"), (tmp_path / "nowhere.safetensors", "cannot be read")):
        with pytest.raises(WeightsError, match=f"^{path}: {message}"):
            read_style(path)


def test_a_cut_file_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    for length in (0, 7, 100, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match=f"^{file}: "):
            read_style(file)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 900), cut=st.integers(0, 20), more=st.binary(max_size=20) | st.sampled_from([b'"', b"9"]))
def test_a_damaged_file_is_read_soundly_or_is_one_clear_error(
    file: Path, style: Style, start: int, cut: int, more: bytes
) -> None:
    save_style(file, style)
    whole = file.read_bytes()
    file.write_bytes(whole[:start] + more + whole[start + cut :])
    try:
        again = read_style(file)
    except WeightsError as error:
        reason = str(error)
    else:
        assert again.keys.shape == again.values.shape
        assert again.keys.isfinite().all()
        assert again.values.isfinite().all()
        return
    assert reason.startswith(f"{file}: ")
    assert len(reason) < 1000
