"""MTCNN's weights are read as torch reads them, and nothing else that a file may hold."""

from __future__ import annotations

import io
import os
import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from most_sketch.errors import WeightsError
from most_sketch.photo import mtcnn_weights
from most_sketch.photo.mtcnn_weights import NETWORKS, read_cascade_weights


@pytest.fixture(scope="module")
def files() -> list[Path]:
    spec = find_spec("facenet_pytorch")
    assert spec
    assert spec.origin
    return [Path(spec.origin).parent / "data" / f"{name}.pt" for name in NETWORKS]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in the place of facenet-pytorch, whose weights the test writes."""
    package = tmp_path / "other_weights"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(mtcnn_weights, "WEIGHTS_PACKAGE", "other_weights")
    return package / "data"


def test_the_same_tensors_as_torch_reads(files: list[Path]) -> None:
    for file, arrays in zip(files, read_cascade_weights(), strict=True):
        state = torch.load(file, weights_only=True)
        assert list(arrays) == list(state)
        for name, tensor in state.items():
            assert arrays[name].flags.c_contiguous
            np.testing.assert_array_equal(arrays[name], tensor.numpy())


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtcnn_weights, "WEIGHTS_PACKAGE", "no_such_package_anywhere")
    with pytest.raises(WeightsError, match="pip install facenet-pytorch"):
        read_cascade_weights()


@pytest.mark.parametrize("length", [0, 20, 500, 3000, 28_000])
def test_a_file_that_is_cut_short(package: Path, files: list[Path], length: int) -> None:
    (package / "pnet.pt").write_bytes(files[0].read_bytes()[:length])
    with pytest.raises(WeightsError, match=r"pnet\.pt: not the face detector's weights; install facenet-pytorch anew"):
        read_cascade_weights()


class Hostile:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("made_by_a_pickle",)


def old_pickle(tensors: object) -> bytes:
    """As torch wrote it before 1.6, without memories."""
    file = io.BytesIO()
    for part in (0x1950A86A20F9469CFC6C, 1001, {}, tensors, []):
        pickle.dump(part, file, protocol=2)
    return file.getvalue()


def test_nothing_in_a_file_is_called(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (package / "pnet.pt").write_bytes(old_pickle(Hostile()))
    with pytest.raises(WeightsError, match="not the face detector's weights"):
        read_cascade_weights()
    assert not (tmp_path / "made_by_a_pickle").exists()


@pytest.mark.parametrize(("start", "shape", "strides"), [(0, (11,), (1,)), (-1, (2,), (1,)), (0, (2, 2), (9, 1))])
def test_a_tensor_that_is_not_in_its_memory(start: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
    memory = np.arange(10, dtype=np.float32)
    with pytest.raises(ValueError, match="not in its memory"):
        mtcnn_weights._view(memory, start, shape, strides)
    np.testing.assert_array_equal(mtcnn_weights._view(memory, 1, (2, 3), (4, 1)), [[1, 2, 3], [5, 6, 7]])
