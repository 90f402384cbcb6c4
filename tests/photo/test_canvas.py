"""How much of a photo around the frame a sketch shows."""

from __future__ import annotations

import numpy as np
import pytest

from most_sketch.errors import InputError
from most_sketch.photo.canvas import (
    EYES,
    FRAME_HEIGHT,
    LARGEST,
    REACH,
    Box,
    Canvas,
    checked_framing,
    overlap,
    person_box,
    photo_box,
    portrait,
    room_beside,
)
from most_sketch.photo.frame import place_by_eyes, place_whole

FACE = np.array(EYES)


def holds(outer: Box, inner: Box) -> bool:
    return all(outer[side] <= inner[side] + 1e-6 for side in (0, 1)) and all(
        outer[side] >= inner[side] - 1e-6 for side in (2, 3)
    )


def test_the_frame_is_the_smallest_canvas() -> None:
    assert Canvas().box == (0, 0, 200, 250)
    assert portrait((60, 60, 140, 200)).times == 1


@pytest.mark.parametrize("person", [(-7, 26, 169, 232), (2, 40, 206, 234), (-30, 5, 215, 247), (20, -40, 180, 250)])
def test_the_whole_person_has_paper_around_it(person: Box) -> None:
    canvas = portrait(person)
    assert 1 <= canvas.times <= LARGEST
    left, top, right, bottom = canvas.box
    assert holds(canvas.box, person)
    assert (bottom - top) / (right - left) == pytest.approx(1.25)
    assert person[1] - top >= 0.06 * (bottom - top)
    for eye in FACE:
        assert left < eye[0] < right
        assert 0.3 <= (eye[1] - top) / (bottom - top) <= 0.6


def test_of_a_whole_figure_the_head_is_shown_and_as_much_below_as_there_is_room_for() -> None:
    canvas = portrait((-79, 21, 279, 390))
    assert canvas.times == pytest.approx(LARGEST)
    assert canvas.top < 21 - 0.07 * LARGEST * FRAME_HEIGHT
    assert canvas.left == pytest.approx(100 - LARGEST * 100, abs=2)


def test_an_arm_that_is_held_up_does_not_push_the_face_down() -> None:
    canvas = portrait((0, -80, 200, 390))
    assert (EYES[0][1] - canvas.top) / (canvas.times * FRAME_HEIGHT) <= 0.6


def test_other_faces_are_left_out_but_never_part_of_the_frame() -> None:
    room = room_beside([(-120, 60, -40, 160), (150, 50, 260, 180), (60, 300, 140, 380)])
    assert room == (-40, REACH[1], 200, 300)
    assert holds(portrait((-79, 21, 279, 390), room).box, (0, 0, 200, 250))
    assert holds(room, portrait((-79, 21, 279, 390), room).box)
    assert room_beside([]) == REACH


def test_the_person_is_what_hangs_together_with_the_face() -> None:
    sureness = np.zeros((30, 24))
    sureness[4:22, 6:18] = 1
    sureness[20:22, 18:22] = 0.75  # a shoulder, not quite sure
    sureness[2:8, 0:3] = 1  # somebody else
    photo = (-100.0, -100.0, 400.0, 400.0)
    assert person_box(sureness, (-20, -10), 10, photo) == (40, 30, 197.5, 210)
    assert person_box(np.zeros((30, 24)), (-20, -10), 10, photo) is None


def test_a_person_near_the_end_of_the_photo_reaches_it() -> None:
    sureness = np.zeros((30, 24))
    sureness[4:22, 6:18] = 1
    assert person_box(sureness, (-20, -10), 10, (30.0, 0.0, 170.0, 222.0)) == (30, 30, 170, 222)


def test_where_a_photo_lies_in_the_frame() -> None:
    assert photo_box(place_whole((400, 400)), (400, 400)) == (0, 25, 200, 225)
    turned = photo_box(place_by_eyes((275, 300), (275, 350)), (500, 600))
    assert turned[2] - turned[0] == pytest.approx(600 * 51 / 50, rel=0.01)
    assert overlap((0, 0, 10, 10), (5, -5, 20, 8)) == (5, 0, 10, 8)


def test_an_unknown_framing_is_refused() -> None:
    assert checked_framing("face") == "face"
    with pytest.raises(InputError, match="unknown framing 'landscape'; use portrait or face"):
        checked_framing("landscape")
