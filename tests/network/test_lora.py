"""A renderer is changed by small factors, and by nothing that does not fit it."""

from __future__ import annotations

import pytest
import torch
from tiny_runs import TINY
from torch import Tensor

from most_sketch.network.generator import Renderer
from most_sketch.network.lora import change_of, changeable, changed

NAME = "injection.0.conv1.weight"


@pytest.fixture
def renderer() -> Renderer:
    torch.manual_seed(0)
    return Renderer(TINY)


def inputs() -> tuple[Tensor, Tensor, tuple[Tensor]]:
    torch.manual_seed(1)
    features = torch.randn(1, TINY.channels, 6, 5)
    side = TINY.feature_stride // TINY.stem_stride
    return features, torch.randn_like(features), (torch.randn(1, TINY.stem_channels, 6 * side, 5 * side),)


def test_nothing_is_changed_before_something_is_learnt(renderer: Renderer) -> None:
    copy = changeable(renderer, 2)
    torch.testing.assert_close(copy(*inputs()), renderer(*inputs()))
    assert all(not tensor.any() for name, tensor in change_of(copy, renderer).items() if not name.endswith(".down"))


def test_what_is_learnt_can_be_added_to_the_renderer_again(renderer: Renderer) -> None:
    before = {name: tensor.clone() for name, tensor in renderer.state_dict().items()}
    copy = changeable(renderer, 2)
    learnt = [parameter for parameter in copy.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(learnt, 0.1)
    for _ in range(2):
        optimiser.zero_grad()
        copy(*inputs()).square().mean().backward()
        optimiser.step()
    change = change_of(copy, renderer)
    assert change[f"{NAME}.up"].shape == (TINY.channels, 2)
    assert change[f"{NAME}.down"].shape == (2, 9 * TINY.channels)
    again = changed(renderer, change)
    torch.testing.assert_close(again(*inputs()), copy(*inputs()))
    assert not torch.allclose(again(*inputs()), renderer(*inputs()))
    assert all(torch.equal(tensor, before[name]) for name, tensor in renderer.state_dict().items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nothing.bias": torch.ones(4)}, "there is no nothing.bias"),
        ({f"{NAME}.up": torch.ones(TINY.channels, 1)}, f"there is no {NAME}.up"),
        ({"injection.0.conv1.bias": torch.ones(1)}, "injection.0.conv1.bias has another shape"),
        ({NAME: torch.ones(1)}, f"{NAME} has another shape"),
        # A product of a trillion numbers, if it were made.
        ({f"{NAME}.up": torch.ones(10**6, 1), f"{NAME}.down": torch.ones(1, 10**6)}, f"{NAME} has another shape"),
        ({f"{NAME}.up": torch.ones(TINY.channels, 2), f"{NAME}.down": torch.ones(1, 9)}, f"{NAME} has another shape"),
        ({f"{NAME}.up": torch.tensor(1.0), f"{NAME}.down": torch.tensor(1.0)}, f"{NAME} has another shape"),
    ],
)
def test_a_change_of_another_network_is_refused(renderer: Renderer, change: dict[str, Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        changed(renderer, change)
