"""A weights file rebuilds its own network, and what is no such file is refused before memory is taken."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from most_sketch.checkpoints.arrays import read_arrays
from most_sketch.checkpoints.find import BENCHMARK_WEIGHTS, find_weights, trained_on
from most_sketch.checkpoints.header import CONFIG_KEY, MAX_FILE, MAX_HEADER, read_header
from most_sketch.checkpoints.trained import MOST_PHOTOS, Trained
from most_sketch.checkpoints.weights import Networks, average_weights, load_networks, load_weights, save_weights
from most_sketch.config import to_dict
from most_sketch.errors import InputError, WeightsError
from most_sketch.network.baselines import UNet256
from most_sketch.network.config import ModelConfig
from most_sketch.network.discriminator import PatchDiscriminator
from most_sketch.network.encoder import Encoder
from most_sketch.network.generator import Generator

TINY = ModelConfig(("ink", "chalk"), channels=8, stem_channels=8, slots=8, injection_channels=8)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_weights(tmp_path / "tiny.safetensors", Generator(TINY))
    return tmp_path / "tiny.safetensors"


def with_metadata(file: Path, metadata: dict[str, str]) -> Path:
    save_file(load_file(file), file, metadata)
    return file


@pytest.mark.parametrize("value", ["10", -1, 1.5, True, [10]])
def test_a_wrong_number_of_held_out_pairs_is_refused(file: Path, value: object) -> None:
    with_metadata(file, {CONFIG_KEY: json.dumps(to_dict(TINY) | {"hold_out": value})})
    with pytest.raises(WeightsError, match="hold_out is no number"):
        load_weights(file)


@pytest.mark.parametrize(
    "value",
    [
        [],
        "",
        {},
        {"photos": ""},
        {"photos": [], "complete": True},
        {"photos": "0" * 11, "complete": True},
        {"photos": "X" * 12, "complete": True},
        {"photos": "", "complete": 1},
        {"photos": "", "complete": True, "names": []},
    ],
)
def test_wrong_fingerprints_of_photos_are_refused(file: Path, value: object) -> None:
    with_metadata(file, {CONFIG_KEY: json.dumps(to_dict(TINY) | {"trained": value})})
    with pytest.raises(WeightsError, match="in its metadata cannot be used"):
        load_weights(file)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three photos of one colour each."""
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for number, photo in enumerate(files):
        Image.new("RGB", (4, 2), (number, 0, 0)).save(photo)
    return files


def test_weights_say_what_they_were_trained_on(tmp_path: Path, file: Path, photos: list[Path]) -> None:
    trained = Trained.on(photos)
    assert len(trained.photos) == 3
    save_weights(tmp_path / "ours.safetensors", load_weights(file), trained=trained)
    assert trained_on(tmp_path / "ours.safetensors") == trained
    assert trained_on(file) is None
    with pytest.raises(InputError, match=r"nowhere\.jpg: no such file"):
        Trained.on([tmp_path / "nowhere.jpg"])


def test_a_photo_is_known_by_its_pixels_however_it_is_stored(tmp_path: Path, photos: list[Path]) -> None:
    trained = Trained.on(photos[:2])
    assert [trained.has(photo) for photo in photos] == [True, True, False]
    with Image.open(photos[1]) as photo:
        photo.save(tmp_path / "again.bmp")
        photo.resize((2, 4)).save(tmp_path / "turned.png")
    assert trained.has(tmp_path / "again.bmp")
    assert not trained.has(tmp_path / "turned.png")


def test_weights_of_before_know_photos_by_their_files(photos: list[Path]) -> None:
    trained = Trained(frozenset([hashlib.sha256(photos[0].read_bytes()).hexdigest()[:12]]))
    assert [trained.has(photo) for photo in photos] == [True, False, False]


def test_of_more_photos_than_a_header_has_room_for_none_is_named(tmp_path: Path, file: Path) -> None:
    many = Trained(frozenset(f"{number:012x}" for number in range(MOST_PHOTOS + 1)))
    save_weights(tmp_path / "many.safetensors", load_weights(file), trained=many)
    assert trained_on(tmp_path / "many.safetensors") == Trained(frozenset(), complete=False)


@pytest.mark.parametrize(("half", "photos"), [("CUFS", 268), ("CUFSF", 164)])
def test_the_bundled_weights_that_are_scored_by_default_say_what_they_were_trained_on(half: str, photos: int) -> None:
    trained = trained_on(BENCHMARK_WEIGHTS[half])
    assert trained is not None
    assert (len(trained.photos), trained.complete) == (photos, True)


def test_a_file_rebuilds_the_network_and_its_drawing(tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator = Generator(TINY).eval()
    save_weights(tmp_path / "tiny.safetensors", generator)
    loaded = load_weights(tmp_path / "tiny.safetensors")
    assert loaded.config == TINY
    photo, style = torch.rand(1, 3, 20, 16), torch.tensor([1])
    assert torch.equal(loaded(photo, style), generator(photo, style))


def test_half_precision_halves_the_network_but_not_the_memory(tmp_path: Path, file: Path) -> None:
    save_weights(tmp_path / "half.safetensors", load_weights(file), torch.float16)
    tensors = load_file(tmp_path / "half.safetensors")
    assert tensors["memory.keys"].dtype == torch.float32
    assert tensors["photo_encoder.stem.weight"].dtype == torch.float16
    photo, style = torch.rand(1, 3, 20, 16), torch.tensor([0])
    difference = load_weights(tmp_path / "half.safetensors")(photo, style) - load_weights(file)(photo, style)
    assert difference.abs().max() < 0.01


def test_training_state_and_sketch_encoder_are_left_out(file: Path) -> None:
    names = load_file(file).keys()
    assert not [name for name in names if "sketch_encoder" in name or "idle" in name or "started" in name]


def test_the_sketch_encoder_goes_along_where_it_is_given(tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator, encoder = Generator(TINY).eval(), Encoder(1, TINY)
    save_weights(tmp_path / "both.safetensors", Networks(generator, encoder))
    again, their_encoder, _ = load_networks(tmp_path / "both.safetensors")
    sketch, style = torch.rand(1, 1, 20, 16), torch.tensor([0])
    assert their_encoder is not None
    assert torch.equal(their_encoder(sketch)[0], encoder(sketch)[0])
    photo = sketch.expand(1, 3, 20, 16)
    assert torch.equal(again(photo, style), generator(photo, style))
    assert torch.equal(load_weights(tmp_path / "both.safetensors")(photo, style), generator(photo, style))
    mean_encoder = average_weights([tmp_path / "both.safetensors"] * 2).sketch_encoder
    assert mean_encoder is not None
    torch.testing.assert_close(mean_encoder(sketch)[0], encoder(sketch)[0])
    save_weights(tmp_path / "alone.safetensors", generator)
    assert load_networks(tmp_path / "alone.safetensors").sketch_encoder is None
    assert average_weights([tmp_path / "both.safetensors", tmp_path / "alone.safetensors"]).sketch_encoder is None


@pytest.mark.parametrize("channels", [4, 6])
def test_the_discriminator_goes_along_whatever_its_width(tmp_path: Path, channels: int) -> None:
    torch.manual_seed(0)
    discriminators = [PatchDiscriminator(len(TINY.styles), width).eval() for width in (channels, 5)]
    files = [tmp_path / "one.safetensors", tmp_path / "other.safetensors"]
    for path, discriminator in zip(files, discriminators, strict=True):
        save_weights(path, Networks(Generator(TINY), Encoder(1, TINY), discriminator))
    photo, sketch, style = torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64), torch.tensor([0])
    for networks in (load_networks(files[0]), average_weights(files)):
        assert networks.discriminator is not None
        assert torch.equal(networks.discriminator(photo, sketch, style), discriminators[0](photo, sketch, style))
    assert read_arrays(files[0]).keys() == load_file(files[0]).keys() & Generator(TINY).state_dict().keys()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sketch_encoder.stem.weight", "sketch_encoder.stem.weight"),
        # Without its first tensor there is no discriminator, and the others are too many.
        ("discriminator.stages.0.0.weight", "discriminator.stages.0.0.bias"),
        ("discriminator.stages.4.0.weight", "discriminator.stages.4.0.weight"),
    ],
)
def test_half_a_network_is_refused(tmp_path: Path, name: str, told: str) -> None:
    path = tmp_path / "all.safetensors"
    save_weights(path, Networks(Generator(TINY), Encoder(1, TINY), PatchDiscriminator(len(TINY.styles), 4)))
    tensors = load_file(path)
    del tensors[name]
    save_file(tensors, path, {CONFIG_KEY: json.dumps(to_dict(TINY))})
    with pytest.raises(WeightsError, match=rf"do not fit the network.*{told}"):
        load_weights(path)


@pytest.mark.parametrize("shape", [(1 << 15, 1, 1, 1), ()])
def test_a_discriminator_that_cannot_be_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "odd.safetensors"
    save_weights(path, Networks(Generator(TINY), None, PatchDiscriminator(len(TINY.styles), 4)))
    odd = {"discriminator.stages.0.0.weight": torch.zeros(shape)}
    save_file(load_file(path) | odd, path, {CONFIG_KEY: json.dumps(to_dict(TINY))})
    with pytest.raises(WeightsError, match="do not fit the network"):
        load_weights(path)


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(WeightsError, match="most-net, most-net-cufs"):
        load_weights("no-such-weights")


def test_a_file_of_another_program_is_refused(file: Path) -> None:
    with pytest.raises(WeightsError, match="not weights of most-sketch"):
        load_weights(with_metadata(file, {"format": "pt"}))


def with_config(file: Path, **changes: object) -> Path:
    return with_metadata(file, {CONFIG_KEY: json.dumps(to_dict(TINY) | changes)})


def with_header(file: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The same file with another header; `change` gets the parsed one, and may return a text to use instead."""
    data = file.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    result = change(header)
    text = (result if isinstance(result, str) else json.dumps(header)).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    return file


@pytest.mark.parametrize(
    "config",
    [
        "not json",
        "[]",
        '{"channels": "many"}',
        '{"channels": true}',
        '{"unheard_of": 1}',
        '{"styles": []}',
        '{"channels": 8, "channels": 9}',
        '{"temperature": NaN}',
        '{"temperature": 1e999}',
        '{"temperature": 1e-300}',
        '{"slots": ' + "9" * 5000 + "}",
        '{"styles": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"architecture": "' + "x" * 100_000 + '"}',
    ],
    ids=lambda config: config[:30],
)
def test_a_damaged_config_is_refused_in_one_line(file: Path, config: str) -> None:
    with pytest.raises(WeightsError, match=f"^{file}: ") as error:
        load_weights(with_metadata(file, {CONFIG_KEY: config}))
    assert len(str(error.value)) < 1000
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"channels": 16},
        {"slots": 10**9},
        {"channels": 10**7},
        {"injection_blocks": 2},
        {"encoder_blocks": 10**9},
        {"decoder_blocks": 64, "channels": 1 << 14},
        {"injection_channels": 0},
        {"architecture": "pix2pix", "styles": ["ink"]},
        {"styles": [f"style {number}" for number in range(10_000)]},
    ],
    ids=lambda change: str(change)[:30],
)
def test_config_and_tensors_that_disagree_are_refused(file: Path, change: dict[str, object]) -> None:
    with pytest.raises(WeightsError, match=r"do not fit|cannot be used"):
        load_weights(with_config(file, **change))


@pytest.mark.parametrize("name", ["../../ink", "/etc/passwd", "..", "a.b", "", " ", "ink\n", "x" * 41, "a\0b", "-r"])
def test_a_style_that_would_lead_its_sketches_astray_is_refused(file: Path, name: str) -> None:
    with pytest.raises(WeightsError, match="a style's name is"):
        load_weights(with_config(file, styles=[name, "chalk"]))


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64, torch.bool, torch.float8_e4m3fn])
def test_only_the_usual_floats_are_read(file: Path, dtype: torch.dtype) -> None:
    tensors = {name: tensor.to(dtype) for name, tensor in load_file(file).items()}
    save_file(tensors, file, {CONFIG_KEY: json.dumps(to_dict(TINY))})
    with pytest.raises(WeightsError, match="a tensor of type"):
        load_weights(file)


def test_bfloat16_is_read_too(file: Path) -> None:
    tensors = {name: tensor.bfloat16() for name, tensor in load_file(file).items()}
    save_file(tensors, file, {CONFIG_KEY: json.dumps(to_dict(TINY))})
    assert {tensor.dtype for tensor in load_weights(file).parameters()} == {torch.float32}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused(file: Path, value: float) -> None:
    tensors = load_file(file)
    tensors["memory.keys"][0, 0, 0] = value
    save_file(tensors, file, {CONFIG_KEY: json.dumps(to_dict(TINY))})
    with pytest.raises(WeightsError, match=r"memory\.keys holds values that are not finite"):
        load_weights(file)


def keys(**claims: object) -> Callable[[dict[str, Any]], object]:
    return lambda header: header["memory.keys"].update(claims)


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "ten terabytes": keys(shape=[10**13], data_offsets=[0, 4 * 10**13]),
    "a shape of another size": keys(shape=[2, 8, 7]),
    "negative sizes": keys(shape=[-2, -64]),
    "a tensor of nothing": keys(shape=[0, 10**9], data_offsets=[0, 0]),
    "sizes that overflow": keys(shape=[2**31] * 8),
    "a thousand dimensions": keys(shape=[1] * 1000),
    "true as a size": keys(shape=[True]),
    "two tensors of the same bytes": lambda header: header["memory.keys"].update(header["memory.values"]),
    "a tensor too many": lambda header: header.update(x={"dtype": "F32", "shape": [], "data_offsets": [0, 4]}),
    "a tensor too few": lambda header: header.pop("memory.keys"),
    "a tensor that is a number": lambda header: header.update({"memory.keys": 1}),
    "metadata that is a list": lambda header: header.update(__metadata__=[]),
    "a list": lambda _: "[]",
    "a name twice": lambda header: json.dumps(header)[:-1] + ', "__metadata__": {}}',
    "deep nesting": lambda _: "[" * 200_000,
    "UTF-16": lambda _: '{"__metadata__":\0{}}',
}


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_is_refused(file: Path, lie: str) -> None:
    with pytest.raises(WeightsError, match=f"^{file}: ") as error:
        load_weights(with_header(file, LIES[lie]))
    assert "\n" not in str(error.value)


def test_a_cut_or_oversized_file_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_weights(file)
    for length in (0, 1, len(whole), 2**63, 2**64 - 1):
        file.write_bytes(struct.pack("<Q", length) + whole[8:])
        with pytest.raises(WeightsError, match="not a safetensors file"):
            load_weights(file)
    file.write_bytes(struct.pack("<Q", MAX_HEADER + 1) + b" " * (MAX_HEADER + 1))
    with pytest.raises(WeightsError, match="its header is larger"):
        load_weights(file)
    # A hole, that takes no room on the disk.
    os.truncate(file, MAX_FILE + 1)
    with pytest.raises(WeightsError, match="larger than the 2 GiB"):
        load_weights(file)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a pickle", b"\x80\x04", b"<html>Not Found</html>", b"\0" * 64])
def test_what_is_no_safetensors_file_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_weights(file)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    names: dict[str | Path, str] = {
        tmp_path: "neither a weights file nor the folder of a training run",
        tmp_path / "pipe.safetensors": "neither a weights file",
        tmp_path / "missing.safetensors": "no such weights file",
        tmp_path / "loop": "loop|symbolic|no such",
        "x" * 5000: "too long|no such",
        "a\0b": "no such",
    }
    for name, message in names.items():
        with pytest.raises(WeightsError, match=message):
            load_weights(name)


def test_the_folder_of_a_run_stands_for_its_weights(file: Path) -> None:
    file.rename(file.parent / "weights.safetensors")
    assert find_weights(file.parent) == file.parent / "weights.safetensors"


def test_the_header_tells_what_a_file_holds(file: Path) -> None:
    header = read_header(file)
    assert header.config == TINY
    assert header.dtypes == {"F32"}
    assert header.parameters == sum(tensor.numel() for tensor in load_file(file).values())


def test_the_baseline_is_loaded_too(tmp_path: Path) -> None:
    config = ModelConfig(architecture="pix2pix", stem_channels=1)
    save_weights(tmp_path / "unet.safetensors", UNet256(config))
    assert load_weights(tmp_path / "unet.safetensors").config == config


def test_saving_replaces_the_file_in_one_go(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()

    def fail(*_: object) -> bytes:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr("most_sketch.checkpoints.weights.save", fail)
    with pytest.raises(RuntimeError):
        save_weights(file, Generator(TINY))
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["ink", "F16"])
)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=6,
)


@st.composite
def damage(draw: st.DrawFn, whole: bytes) -> bytes:
    """A weights file in which some bytes, a part of the header or a part of the config may be anything."""
    length = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + length])
    names = st.sampled_from(sorted(header))
    kind = draw(st.sampled_from(["bytes", "header", "tensor", "config"]))
    if kind == "bytes":
        start = draw(st.integers(0, length + 100))
        return whole[:start] + draw(st.binary(max_size=20)) + whole[start + draw(st.integers(0, 20)) :]
    if kind == "config":
        config = json.loads(header["__metadata__"][CONFIG_KEY])
        config[draw(st.sampled_from([*config, "other"]))] = draw(anything)
        header["__metadata__"][CONFIG_KEY] = json.dumps(config)
    elif kind == "tensor":
        header[draw(names)][draw(st.sampled_from(["dtype", "shape", "data_offsets"]))] = draw(anything)
    else:
        header[draw(names | st.text(max_size=10))] = draw(anything)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + whole[8 + length :]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_file_loads_soundly_or_is_one_clear_error(
    tiny_weights: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = tiny_weights.read_bytes()
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    path.write_bytes(data.draw(damage(whole)))
    try:
        generator = load_weights(path)
    except WeightsError as error:
        reason = str(error)
    else:
        assert all(tensor.isfinite().all() for tensor in generator.state_dict().values())
        return
    assert reason.startswith(f"{path}: ")
    assert len(reason) < 1000
