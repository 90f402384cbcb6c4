"""The metrics against independent implementations, and LPIPS against its own definition."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import lpips
import numpy as np
import pytest
import reference_metrics
import torch
from reference_metrics import Image
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models import alexnet, squeezenet1_1

from most_sketch.errors import InputError, WeightsError
from most_sketch.evaluation.backbones import BACKBONES
from most_sketch.evaluation.metrics import fsim, l1, load_metrics, ssim

CPU = torch.device("cpu")
SQUEEZE, ALEX, _ = BACKBONES


def drawing(seed: int, size: tuple[int, int] = (64, 80)) -> Image:
    """An oval on paper with hatching inside: whole grey values (H, W) that depend on the seed alone."""
    width, height = size
    y, x = np.mgrid[:height, :width].astype(float)
    distance = np.hypot((x - width / 2) / (width * 0.35), (y - height / 2) / (height * 0.4))
    hatching = seed * 7 * np.sin(x * (0.2 + 0.05 * seed) + y * 0.11) * (distance < 1)
    return np.clip(np.round(200 - 120 * (np.abs(distance - 1) < 0.08) + hatching), 0, 255)


def tensor(*drawings: Image) -> Tensor:
    return torch.from_numpy(np.stack(drawings)).float()[:, None]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No cached weights and no way to any."""

    def refuse(*_: Any) -> None:
        raise OSError("no network in tests")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty-cache"))
    monkeypatch.setattr(socket, "create_connection", refuse)


def write_backbone(folder: Path, which: str = "squeeze") -> dict[str, Tensor]:
    """A stand-in of the right shape that carries torchvision's fingerprint, and the network's whole state."""
    backbone = {each.net: each for each in BACKBONES}[which]
    torch.manual_seed(3)
    network = {"squeeze": squeezenet1_1, "alex": alexnet}[which](weights=None)
    state = {name: value for name, value in network.state_dict().items() if name.startswith("features.")}
    state["features.0.weight"].view(-1)[:3] = torch.tensor(backbone.fingerprint)
    folder.mkdir(exist_ok=True)
    save_file(state, folder / backbone.file)
    return state


@pytest.mark.parametrize("metric", [fsim, ssim])
def test_a_sketch_is_perfectly_like_itself(metric: Any) -> None:
    picture = tensor(drawing(2))
    assert metric(picture, picture).item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("metric", [fsim, ssim, l1])
def test_it_does_not_matter_which_of_two_is_the_truth(metric: Any) -> None:
    first, second = tensor(drawing(1)), tensor(drawing(4))
    assert metric(first, second).item() == pytest.approx(metric(second, first).item(), abs=1e-6)


@pytest.mark.parametrize("metric", [fsim, ssim, l1])
def test_scores_do_not_depend_on_the_batch(metric: Any) -> None:
    first, second = tensor(drawing(1), drawing(2)), tensor(drawing(5), drawing(4))
    alone = [metric(first[place : place + 1], second[place : place + 1]).item() for place in (0, 1)]
    assert metric(first, second).tolist() == pytest.approx(alone, abs=1e-6)


def test_l1_is_the_mean_difference_as_a_share_of_the_range() -> None:
    assert l1(torch.full((1, 1, 8, 8), 51.0), torch.zeros(1, 1, 8, 8)).item() == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("size", "seeds", "scikit_image"),
    [
        ((64, 80), (0, 1), 0.9782970529),
        ((64, 80), (1, 3), 0.7730753558),
        ((65, 81), (2, 5), 0.7021019740),
        ((200, 250), (2, 5), 0.6567311047),
    ],
)
def test_ssim_is_that_of_wang_2004(size: tuple[int, int], seeds: tuple[int, int], scikit_image: float) -> None:
    """The figures are those of scikit-image 0.26: structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=255, full=True), mean over the window's valid places."""
    first, second = (drawing(seed, size) for seed in seeds)
    score = ssim(tensor(first), tensor(second)).item()
    assert score == pytest.approx(reference_metrics.ssim(first, second), abs=1e-9)
    assert score == pytest.approx(scikit_image, abs=1e-5)


@pytest.mark.parametrize(("size", "tolerance"), [((65, 81), 1e-6), ((64, 80), 3e-5), ((200, 250), 3e-5)])
@pytest.mark.parametrize("seeds", [(0, 1), (1, 3), (2, 5)])
def test_fsim_is_that_of_zhang_2011(size: tuple[int, int], tolerance: float, seeds: tuple[int, int]) -> None:
    """With an even number of pixels torch's median is the lower of the two middle values, not their mean, which
    moves the noise threshold a little; with an odd number both agree to rounding."""
    first, second = (drawing(seed, size) for seed in seeds)
    expected = reference_metrics.fsim(first, second)
    assert fsim(tensor(first), tensor(second)).item() == pytest.approx(expected, abs=tolerance)


@pytest.mark.usefixtures("no_network")
def test_lpips_is_its_definition_on_the_given_backbone_and_the_heads_of_the_package(tmp_path: Path) -> None:
    """Zhang et al. 2018, equation 1, with SqueezeNet's seven layers."""
    state = write_backbone(tmp_path)
    first, second = tensor(drawing(1)), tensor(drawing(4))
    network = squeezenet1_1(weights=None).eval()
    network.load_state_dict(state, strict=False)
    heads = torch.load(Path(lpips.__file__).parent / "weights/v0.1/squeeze.pth", map_location="cpu", weights_only=True)

    def layers(grey: Tensor) -> list[Tensor]:
        shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
        x = ((grey / 127.5 - 1).repeat(1, 3, 1, 1) - shift.view(1, 3, 1, 1)) / scale.view(1, 3, 1, 1)
        features = []
        for place, layer in enumerate(network.features):
            x = layer(x)
            if place in (1, 4, 7, 9, 10, 11, 12):
                features.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10))
        return features

    expected = 0.0
    for number, (a, b) in enumerate(zip(layers(first), layers(second), strict=True)):
        weight = heads[f"lin{number}.model.1.weight"].flatten()
        expected += (weight.view(1, -1, 1, 1) * (a - b).square()).sum(dim=1).mean().item()

    metrics = load_metrics(tmp_path, CPU)
    scores = metrics.measure(first, second)[0]
    assert scores["lpips_squeeze"] == pytest.approx(expected, rel=1e-4)
    assert expected > 0.001
    assert metrics.measure(first, first)[0]["lpips_squeeze"] == 0


@pytest.mark.usefixtures("no_network")
def test_a_backbone_that_is_not_to_be_had_leaves_its_column_empty_and_says_how_to_get_it(tmp_path: Path) -> None:
    write_backbone(tmp_path, "alex")
    metrics = load_metrics(tmp_path, CPU)
    assert list(metrics.available) == ["fsim", "ssim", "lpips_alex", "l1"]
    assert set(metrics.missing) == {"lpips_squeeze", "lpips_vgg"}
    for key, file in (("lpips_squeeze", "squeezenet1_1-features"), ("lpips_vgg", "vgg16-features")):
        assert f"{file}.safetensors with --backbones" in metrics.missing[key]
        assert "\n" not in metrics.missing[key]


@pytest.mark.usefixtures("no_network")
def test_a_damaged_cache_counts_as_missing() -> None:
    checkpoints = Path(torch.hub.get_dir()) / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / Path(ALEX.url).name).write_bytes(b"half a download")
    metrics = load_metrics(None, CPU)
    assert ALEX.url.rsplit("/", 1)[1] in metrics.missing["lpips_alex"]


@pytest.mark.usefixtures("no_network")
def test_weights_of_another_network_are_refused_rather_than_scored_with(tmp_path: Path) -> None:
    state = write_backbone(tmp_path)
    state["features.0.weight"] = state["features.0.weight"] * 2
    save_file(state, tmp_path / SQUEEZE.file)
    with pytest.raises(WeightsError, match=r"heads of LPIPS do not fit"):
        load_metrics(tmp_path, CPU)
    del state["features.12.squeeze.weight"]
    save_file(state, tmp_path / SQUEEZE.file)
    with pytest.raises(WeightsError, match=r"not the features of torchvision's SqueezeNet"):
        load_metrics(tmp_path, CPU)
    (tmp_path / SQUEEZE.file).write_bytes(b"no tensors")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_metrics(tmp_path, CPU)
    with pytest.raises(InputError, match="no such folder"):
        load_metrics(tmp_path / "nowhere", CPU)


@pytest.mark.usefixtures("no_network")
def test_loading_metrics_is_silent_and_leaves_the_random_numbers_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_backbone(tmp_path)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_metrics(tmp_path, CPU)
    assert torch.equal(torch.rand(3), expected)
    assert capfd.readouterr() == ("", "")
