"""The three networks of MTCNN, each more exact and slower than the one before: P-Net, R-Net and O-Net.

Paper: Zhang et al. 2016, *Joint Face Detection and Alignment using Multitask Cascaded Convolutional Networks*, with its
weights as `mtcnn_weights` reads them.
"""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from most_sketch.photo.mtcnn import Cascade, Network
from most_sketch.photo.mtcnn_weights import read_cascade_weights


class CascadeNetwork(nn.Module):
    """Layers in a row, then the heads: the score of a face, the box's offsets and, in O-Net, the landmarks.

    Pictures (B, 3, H, W) in [-1, 1] -> probabilities (B, ...), offsets (B, 4, ...) and landmarks (B, 10), where P-Net
    has a position (h, w) for every second pixel in place of the dots, and the others none.
    """

    def __init__(self, layers: dict[str, nn.Module], heads: dict[str, nn.Module]) -> None:
        super().__init__()
        # Not nn.Sequential: the weights file has these names without a prefix.
        for name, layer in (layers | heads).items():
            self.add_module(name, layer)
        self._layers, self._heads = tuple(layers), tuple(heads)

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        features = pictures
        for name in self._layers:
            features = self.get_submodule(name)(features)
        scores, *others = (self.get_submodule(name)(features) for name in self._heads)
        return scores.softmax(dim=1)[:, 1], *others


class FlattenColumns(nn.Module):
    """(B, C, H, W) -> (B, W H C): the order in which the authors' framework wrote the features down."""

    def forward(self, features: Tensor) -> Tensor:
        return features.permute(0, 3, 2, 1).flatten(1)


def p_net() -> CascadeNetwork:
    """Proposes faces of 12 x 12 pixels, everywhere in a picture at once."""
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(3, 10, 3),
        "prelu1": nn.PReLU(10),
        "pool1": nn.MaxPool2d(2, ceil_mode=True),
        "conv2": nn.Conv2d(10, 16, 3),
        "prelu2": nn.PReLU(16),
        "conv3": nn.Conv2d(16, 32, 3),
        "prelu3": nn.PReLU(32),
    }
    return CascadeNetwork(layers, {"conv4_1": nn.Conv2d(32, 2, 1), "conv4_2": nn.Conv2d(32, 4, 1)})


def r_net() -> CascadeNetwork:
    """Refuses most proposals, of 24 x 24 pixels."""
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(3, 28, 3),
        "prelu1": nn.PReLU(28),
        "pool1": nn.MaxPool2d(3, 2, ceil_mode=True),
        "conv2": nn.Conv2d(28, 48, 3),
        "prelu2": nn.PReLU(48),
        "pool2": nn.MaxPool2d(3, 2, ceil_mode=True),
        "conv3": nn.Conv2d(48, 64, 2),
        "prelu3": nn.PReLU(64),
        "flatten": FlattenColumns(),
        "dense4": nn.Linear(576, 128),
        "prelu4": nn.PReLU(128),
    }
    return CascadeNetwork(layers, {"dense5_1": nn.Linear(128, 2), "dense5_2": nn.Linear(128, 4)})


def o_net() -> CascadeNetwork:
    """Decides, of 48 x 48 pixels, and finds eyes, nose and mouth: five x, then five y."""
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(3, 32, 3),
        "prelu1": nn.PReLU(32),
        "pool1": nn.MaxPool2d(3, 2, ceil_mode=True),
        "conv2": nn.Conv2d(32, 64, 3),
        "prelu2": nn.PReLU(64),
        "pool2": nn.MaxPool2d(3, 2, ceil_mode=True),
        "conv3": nn.Conv2d(64, 64, 3),
        "prelu3": nn.PReLU(64),
        "pool3": nn.MaxPool2d(2, ceil_mode=True),
        "conv4": nn.Conv2d(64, 128, 2),
        "prelu4": nn.PReLU(128),
        "flatten": FlattenColumns(),
        "dense5": nn.Linear(1152, 256),
        "prelu5": nn.PReLU(256),
    }
    heads: dict[str, nn.Module] = {
        "dense6_1": nn.Linear(256, 2),
        "dense6_2": nn.Linear(256, 4),
        "dense6_3": nn.Linear(256, 10),
    }
    return CascadeNetwork(layers, heads)


def load_cascade(device: torch.device) -> Cascade:
    """The three networks as `mtcnn.Detector` takes them. Raises like `load_networks`."""
    # Some of their operations do not exist on Apple's MPS.
    where = torch.device("cpu") if device.type == "mps" else device
    p_net, r_net, o_net = load_networks(where)
    # P-Net looks at large pictures, and channels last is faster there. For the others it rounds otherwise than
    # facenet-pytorch, and nearly equal scores change places.
    return Cascade(
        _of_arrays(p_net, where, torch.channels_last),
        _of_arrays(r_net, where, torch.contiguous_format),
        _of_arrays(o_net, where, torch.contiguous_format),
    )


def _of_arrays(network: CascadeNetwork, device: torch.device, format_: torch.memory_format) -> Network:
    @torch.inference_mode()
    def look(pictures: NDArray[Any]) -> list[NDArray[Any]]:
        answers = network(torch.from_numpy(pictures).to(device).contiguous(memory_format=format_))
        return [answer.cpu().numpy() for answer in answers]

    return look


def load_networks(device: torch.device) -> tuple[CascadeNetwork, CascadeNetwork, CascadeNetwork]:
    """P-Net, R-Net and O-Net, ready to use. Raises `WeightsError` where their weights are missing or damaged."""
    with torch.device("meta"):
        networks = p_net(), r_net(), o_net()
    for network, arrays in zip(networks, read_cascade_weights(), strict=True):
        state = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
        network.load_state_dict(state, assign=True)
        network.eval().requires_grad_(False)
    return networks
