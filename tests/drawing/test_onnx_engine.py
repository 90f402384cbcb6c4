"""ONNX Runtime draws what torch draws, and is taken where that is certain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import STYLES
from numpy.typing import NDArray
from PIL import Image
from taught_styles import style_file

from most_sketch.checkpoints.find import bundled_weights
from most_sketch.checkpoints.header import read_header
from most_sketch.checkpoints.onnx_files import cached_graph
from most_sketch.checkpoints.weights import load_weights, save_weights
from most_sketch.drawing import engine
from most_sketch.drawing.engine import choose_engine
from most_sketch.drawing.onnx_engine import OnnxEngine
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.drawing.torch_engine import TorchEngine
from most_sketch.errors import InputError, WeightsError
from most_sketch.photo.images import read_image


@pytest.fixture(scope="module")
def onnx(onnx_weights: Path) -> Sketcher:
    return Sketcher.load(onnx_weights, "cpu", engine="onnx")


@pytest.fixture(scope="module")
def reference(onnx_weights: Path) -> Sketcher:
    return Sketcher.load(onnx_weights, "cpu", "fp32", engine="torch")


@pytest.fixture
def ordinary_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU."""
    monkeypatch.setattr(engine, "may_have_gpu", lambda: False)


def levels(sketch: Image.Image) -> NDArray[np.int64]:
    return np.asarray(sketch).astype(np.int64)


# 300 x 375 is the largest that these weights draw themselves; 237 is no multiple of their stride.
@pytest.mark.parametrize("size", [(240, 300), (300, 375), (190, 237), (200, 250), (400, 500)])
def test_the_same_pictures_in_all_sizes_and_styles(
    onnx: Sketcher, reference: Sketcher, portrait: Image.Image, size: tuple[int, int]
) -> None:
    assert isinstance(onnx.engine, OnnxEngine)
    assert isinstance(reference.engine, TorchEngine)
    assert onnx.config == reference.config
    image = portrait.resize(size)
    ours, wanted = (each.draw([image] * len(STYLES), range(len(STYLES))) for each in (onnx, reference))
    assert len(ours) == len(STYLES)
    for sketch, other in zip(ours, wanted, strict=True):
        assert (sketch.mode, sketch.size) == ("L", size)
        assert np.ptp(levels(other)) > 20
        assert np.abs(levels(sketch) - levels(other)).max() <= 1
    assert np.abs(levels(ours[0]) - levels(ours[1])).max() > 1


def test_several_at_once_are_drawn_as_each_alone(onnx: Sketcher, portrait: Image.Image) -> None:
    images = [portrait.resize((240, 300)), portrait.resize((240, 300)).rotate(90)]
    together = onnx.draw(images, [0, 1], batch_size=2)
    for image, style, sketch in zip(images, (0, 1), together, strict=True):
        assert np.abs(levels(onnx.draw([image], [style])[0]) - levels(sketch)).max() <= 1


@pytest.mark.parametrize("name", ["astronaut.jpg", "grace_hopper.jpg"])
def test_the_same_faces(onnx: Sketcher, reference: Sketcher, portrait_file: Path, name: str) -> None:
    photo = read_image(portrait_file.with_name(name))
    (ours,), (wanted,) = onnx.crops(photo, None), reference.crops(photo, None)
    assert ours.face is not None
    assert wanted.face is not None
    np.testing.assert_allclose(ours.face.landmarks, wanted.face.landmarks, rtol=0, atol=0.01)
    np.testing.assert_allclose(ours.face.box, wanted.face.box, rtol=0, atol=0.01)
    assert ours.face.confidence == pytest.approx(wanted.face.confidence, abs=1e-5)


def test_the_same_person_and_the_same_portrait(onnx: Sketcher, reference: Sketcher, portrait: Image.Image) -> None:
    image = portrait.resize((240, 304))
    ours, wanted = onnx.engine.person(image), reference.engine.person(image)
    assert ours is not None
    assert wanted is not None
    assert ours.shape == (38, 30)
    assert np.ptp(wanted) > 0.05
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-4)
    (crop,), (other,) = onnx.crops(portrait), reference.crops(portrait)
    assert crop.size == other.size
    np.testing.assert_allclose(crop.placement, other.placement, rtol=0, atol=0.05)


@pytest.mark.usefixtures("ordinary_machine")
@pytest.mark.parametrize("name", bundled_weights())
def test_auto_takes_the_bundled_weights_as_they_come(name: str) -> None:
    assert choose_engine("auto", bundled_weights()[name], "auto", "auto", (), None) == "onnx"


@pytest.mark.usefixtures("ordinary_machine")
def test_auto_takes_what_was_exported(onnx_weights: Path, tiny_weights: Path) -> None:
    for photos in (1, 100, None):
        assert choose_engine("auto", onnx_weights, "auto", "auto", (), photos) == "onnx"
        assert choose_engine("auto", onnx_weights, "cpu", "fp32", (), photos) == "onnx"
        assert choose_engine("torch", onnx_weights, "auto", "auto", (), photos) == "torch"
        assert choose_engine("auto", tiny_weights, "auto", "auto", (), photos) == "torch"
        assert choose_engine("onnx", tiny_weights, "auto", "auto", (), photos) == "onnx"
    with pytest.raises(InputError, match="unknown engine 'steam'; use auto, torch or onnx"):
        choose_engine("steam", onnx_weights, "auto", "auto", (), None)


@pytest.mark.usefixtures("ordinary_machine")
def test_auto_takes_torch_for_many_photos_where_that_may_be_faster(
    onnx_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "may_have_gpu", lambda: True)
    assert choose_engine("auto", onnx_weights, "auto", "fp32", (), None) == "torch"
    assert choose_engine("auto", onnx_weights, "auto", "fp32", (), 1) == "onnx"
    assert choose_engine("auto", onnx_weights, "cpu", "fp32", (), None) == "onnx"


@pytest.mark.usefixtures("ordinary_machine")
@pytest.mark.parametrize(
    ("device", "precision", "styles", "why"),
    [
        ("cuda:1", "auto", (), "on the CPU only, not on cuda:1"),
        ("cpu", "bf16", (), "in float32 only, not in bf16"),
        ("cpu", "auto", ("chalk.safetensors",), "in the weights' own styles only, not in taught ones"),
    ],
)
def test_what_only_torch_can_do(
    onnx_weights: Path, device: str, precision: str, styles: tuple[str, ...], why: str
) -> None:
    assert choose_engine("auto", onnx_weights, device, precision, styles, 1) == "torch"
    with pytest.raises(InputError, match=f"the engine onnx draws {why}; use torch"):
        choose_engine("onnx", onnx_weights, device, precision, styles, 1)


@pytest.mark.usefixtures("ordinary_machine")
def test_a_style_that_is_added_is_drawn_by_torch(onnx_weights: Path, portrait: Image.Image, tmp_path: Path) -> None:
    onnx, image = Sketcher.load(onnx_weights, "cpu", engine="onnx"), portrait.resize((240, 300))
    file = style_file(tmp_path / "chalk.safetensors", onnx_weights)
    taught = [onnx.with_style(file) for _ in range(2)]
    wanted = Sketcher.load(onnx_weights, "cpu", "fp32", styles=[file]).draw([image], [2])[0].tobytes()
    assert [sketcher.draw([image], [2])[0].tobytes() for sketcher in taught] == [wanted, wanted]
    assert isinstance(onnx.engine, OnnxEngine)
    # One network of torch is loaded for all of them.
    encoders = [sketcher.engine._generator.photo_encoder.state_dict().values() for sketcher in taught]  # type: ignore[attr-defined]
    assert all(one.data_ptr() == other.data_ptr() for one, other in zip(*encoders, strict=True))


def test_without_onnx_runtime(onnx_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "is_installed", lambda: False)
    assert choose_engine("auto", onnx_weights, "auto", "auto", (), 1) == "torch"
    monkeypatch.setattr("most_sketch.drawing.onnx_engine.is_installed", lambda: False)
    with pytest.raises(InputError, match=r"needs ONNX Runtime: pip install 'most-sketch\[onnx\]'"):
        OnnxEngine.load(onnx_weights)


def test_weights_that_do_not_fit_their_network(onnx_weights: Path, tmp_path: Path) -> None:
    generator = load_weights(onnx_weights)
    generator.photo_encoder.stem = torch.nn.Conv2d(3, 8, 5)
    other_shape = tmp_path / "other_shape.safetensors"
    save_weights(other_shape, generator)
    del generator.photo_encoder.stem
    missing = tmp_path / "missing.safetensors"
    save_weights(missing, generator)
    generator.photo_encoder.another = torch.nn.Conv2d(3, 8, 3)
    more = tmp_path / "more.safetensors"
    save_weights(more, generator)
    for path in (other_shape, missing, more):
        with pytest.raises(WeightsError, match=f"{path.name}: cannot be drawn with by ONNX Runtime"):
            OnnxEngine.load(path)


def test_a_graph_that_is_damaged(onnx_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = tmp_path / "generator.onnx"
    graph.write_bytes(b"not a graph")
    monkeypatch.setattr("most_sketch.drawing.onnx_engine.find_graph", lambda _: graph)
    with pytest.raises(WeightsError, match=r"cannot be drawn with by ONNX Runtime .*generator\.onnx"):
        OnnxEngine.load(onnx_weights)


def test_as_many_threads_as_torch_takes(onnx_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    drawing = OnnxEngine.load(onnx_weights)
    assert drawing._generator.get_session_options().intra_op_num_threads == 3


@pytest.mark.parametrize("kept", [0, 0.5])
def test_a_cached_graph_that_is_cut_or_empty_is_made_anew(
    onnx_weights: Path, portrait: Image.Image, kept: float
) -> None:
    graph = cached_graph(read_header(onnx_weights).config)
    whole = graph.read_bytes()
    graph.write_bytes(whole[: round(kept * len(whole))])
    sketcher = Sketcher.load(onnx_weights, "cpu", engine="onnx")
    assert np.ptp(levels(sketcher.sketch(portrait))) > 20
    assert len(graph.read_bytes()) == len(whole)
