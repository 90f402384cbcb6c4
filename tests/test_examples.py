"""What the example scripts compute; what they ask of MediaPipe is not tested here."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def person_masks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("person_masks", EXAMPLES / "person_masks.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_largest_piece_is_beside_the_person(person_masks: ModuleType) -> None:
    person = np.zeros((250, 400))
    person[40:, 150:] = 1
    left, upper, right, lower = person_masks.largest_piece(person)
    assert person[upper:lower, left:right].mean() <= person_masks.MOST_PERSON
    assert (right - left) / (lower - upper) == pytest.approx(0.8, abs=0.01)
    # The strip on the left has room for a piece 150 wide and 187 high, and a little of the person may be in it.
    assert 135 <= right - left <= 155


def test_a_photo_full_of_people_has_no_piece(person_masks: ModuleType) -> None:
    person = np.ones((250, 400))
    person[:, :30] = 0
    assert person_masks.largest_piece(person) is None
