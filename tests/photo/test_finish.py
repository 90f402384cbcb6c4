"""Where photo or paper end within the person, a drawing fades out."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from most_sketch.errors import InputError
from most_sketch.photo.finish import _darkest, checked_finish, cut_out, faded
from most_sketch.photo.frame import place_by_eyes, scale_shift

SIZE = (400, 500)
SAME = np.eye(3)


def figure(box: tuple[int, int, int, int], paper: int = 255, ink: int = 60) -> Image.Image:
    """A dark rectangle on paper."""
    sketch = Image.new("L", SIZE, paper)
    sketch.paste(ink, box)
    return sketch


def levels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, dtype=float)


def test_ink_that_the_edge_cuts_fades_to_paper_and_what_is_whole_stays() -> None:
    sketch = figure((100, 50, 300, 500))
    done = levels(faded(sketch, SAME, SIZE))
    assert (255 - done[-7:, 100:300]).mean() < 0.05 * (255 - 60)
    # Less and less, row by row, on the average of all columns.
    rows = done[440:, 110:290].mean(axis=1)
    assert np.diff(rows).min() > -0.5
    assert np.array_equal(done[:430], levels(sketch)[:430])


def test_what_ends_before_the_edge_is_not_cut() -> None:
    sketch = figure((100, 15, 300, 480))
    assert faded(sketch, SAME, SIZE).tobytes() == sketch.tobytes()


def test_it_fades_where_the_photo_ends_and_beyond_is_paper() -> None:
    """A photo that ends in the middle of the sketch, turned."""
    placement = place_by_eyes((30, 60), (70, 66), ((150, 240), (250, 252)))
    photo_size = (100, 110)
    sketch = Image.new("L", SIZE, 40)
    done = levels(faded(sketch, placement, photo_size, 230))
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    back = np.linalg.inv(placement)
    across = back[0, 0] * x + back[0, 1] * y + back[0, 2]
    down = back[1, 0] * x + back[1, 1] * y + back[1, 2]
    within = np.minimum(np.minimum(across, photo_size[0] - across), np.minimum(down, photo_size[1] - down))
    assert (done[within < -2] == 230).all()
    assert (done[within > 30] == 40).all()
    assert (230 - done[(within > 0) & (within < 2.5)]).mean() < 0.1 * (230 - 40)


def test_one_edge_does_not_fade_another() -> None:
    done = levels(faded(figure((150, 0, 250, 300)), SAME, SIZE))
    assert done[0, 200] > 250
    assert (done[60:300, 150:250] == 60).all()


def test_the_same_drawing_ends_the_same_at_any_size() -> None:
    small, large = figure((100, 50, 300, 500)), figure((100, 50, 300, 500)).resize((800, 1000))
    twice = faded(large, SAME, (800, 1000)).resize(SIZE, Image.Resampling.BOX)
    assert np.abs(levels(faded(small, SAME, SIZE)) - levels(twice)).mean() < 1


def test_a_photo_is_shown_as_far_as_it_goes() -> None:
    picture = Image.new("RGB", (200, 250), (10, 20, 30))
    shown = np.asarray(cut_out(picture, scale_shift(2, 2, 50, 40), (60, 80)))
    assert (shown[42:198, 52:168] == (10, 20, 30)).all()
    assert (shown[:38] == 255).all()
    assert (shown[:, :48] == 255).all()
    assert (shown[202:] == 255).all()
    assert (shown[:, 172:] == 255).all()


def test_an_upper_edge_takes_less_than_a_lower_one_however_the_photo_is_turned() -> None:
    sketch = figure((100, 0, 300, 500))
    upright = levels(faded(sketch, SAME, SIZE))
    # The photo lay on its head; it is the sketch's upper edge all the same.
    turned = levels(faded(sketch, np.array([[-1.0, 0, 400], [0, -1, 500], [0, 0, 1]]), SIZE))
    for done in (upright, turned):
        lost = 255 - 60 - (255 - done[:, 120:280]).mean(axis=1)
        assert 1.8 < lost[250:].sum() / lost[:250].sum() < 4


@pytest.mark.parametrize("reach", [1, 4, 7, 10])
def test_the_ink_near_each_place_is_the_darkest_in_a_square(reach: int) -> None:
    ink = np.random.default_rng(0).random((30, 40)) ** 8
    wanted = Image.fromarray((ink * 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(2 * reach + 1))
    assert np.array_equal((_darkest(ink, reach) * 255).astype(np.uint8), np.asarray(wanted))


def test_an_unknown_finish_is_refused() -> None:
    assert checked_finish("none") == "none"
    with pytest.raises(InputError, match="unknown finish 'frame'; use fade or none"):
        checked_finish("frame")
