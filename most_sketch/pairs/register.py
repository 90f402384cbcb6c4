"""Register drawings to what a network draws of their photos: what landmarks say nothing of, hair, ears and clothes.

A drawing that was bent onto its photo's landmarks (`bend`) still lies pixels away from them elsewhere, where nobody can
foretell: a network that has to draw it there draws blurs, or learns each pair by heart. Registered, the strokes are
compared where the network puts them. Reference: Kong et al. 2021 (RegGAN), whose registration network learns beside the
generator; here the flow is found once, before training, by TV-L1 (Zach et al. 2007), as scikit-image has it.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from most_sketch.errors import InputError
from most_sketch.pairs.bend import GRID, Field, displacement_of
from most_sketch.photo.frame import FRAME_HEIGHT, FRAME_WIDTH

INSTALL = "pip install 'most-sketch[register]'"

BLUR = 1.5
"""Sigma in frame pixels: no single stroke is to be found again, but what strokes make."""
ATTACHMENT, TIGHTNESS, WARPS = 5.0, 0.3, 8
"""Of the flow. With an attachment of 15 it went half as far again (rms 3.1 pixels on held-out pairs of CUFS for 2.1);
the smaller one was taken for care, and no run of the other was made."""
SMOOTHING = 4.0
"""Sigma in frame pixels: the flow may have edges, which would tear strokes."""
LARGEST = 6.0
"""Frame pixels; what is further away is another thing."""
BORDER = 12.0
"""Frame pixels from a border within which the flow across it comes to nothing, so that nothing comes in from beyond."""


def flow_between(sketch: Image.Image, drawing: Image.Image) -> Field:
    """The smooth displacement that finds each place of a sketch, drawn by a network, in the artist's drawing.

    Both of any size in the frame; frame pixels across and down, for every `GRID`th place: (rows, columns, 2). Raises
    `InputError` without scikit-image.
    """
    try:
        from skimage.registration import optical_flow_tvl1
    except ModuleNotFoundError:
        raise InputError(f"--onto needs scikit-image: {INSTALL}") from None
    fixed, moving = (_blurred(picture) for picture in (sketch, drawing))
    down, across = optical_flow_tvl1(  # type: ignore[no-untyped-call]
        fixed, moving, attachment=ATTACHMENT, tightness=TIGHTNESS, num_warp=WARPS
    )
    return smooth_on_grid(np.stack([across, down], axis=-1))


def smooth_on_grid(flow: Field) -> Field:
    """A displacement of every pixel of the frame, (H, W, 2), smoothed, for every `GRID`th place."""
    # The grid counts from the border, pixels from the middle of the first.
    rows, columns = (np.arange(0, side + GRID, GRID) - 0.5 for side in (FRAME_HEIGHT, FRAME_WIDTH))
    places = np.meshgrid(rows, columns, indexing="ij")
    smooth = (ndimage.gaussian_filter(flow[..., axis], SMOOTHING, mode="nearest") for axis in (0, 1))
    return np.stack([ndimage.map_coordinates(each, places, order=1, mode="nearest") for each in smooth], axis=-1)


def limited(flow: Field) -> Field:
    """A flow on the grid, nowhere longer than `LARGEST` and none across the frame's borders."""
    length = np.linalg.norm(flow, axis=-1, keepdims=True)
    shorter: Field = flow * (LARGEST / length.clip(LARGEST))
    return shorter * held_at_borders(flow.shape[:2])


def held_at_borders(shape: tuple[int, int]) -> Field:
    """What a displacement on this grid is multiplied by, (rows, columns, 2), to stay inside the frame."""
    down, across = (
        np.minimum(np.arange(count), np.arange(count)[::-1]).clip(max=BORDER / GRID) * GRID / BORDER for count in shape
    )
    return np.stack(np.meshgrid(across, down), axis=-1)


def after(flow: Field, field: Field) -> Field:
    """The one field that looks where `field` says of the places to which `flow` displaces: so it is resampled once."""
    rows, columns = (np.arange(side) for side in field.shape[:2])
    down, across = np.meshgrid(rows, columns, indexing="ij")
    places = [down + flow[..., 1] / GRID, across + flow[..., 0] / GRID]
    # Beyond the grid the field goes on as it does inside.
    displacement = displacement_of(field)
    moved = [ndimage.map_coordinates(displacement[..., axis], places, order=1, mode="nearest") for axis in (0, 1)]
    return np.stack(moved, axis=-1) + GRID * np.stack(places[::-1], axis=-1)


def _blurred(picture: Image.Image) -> Field:
    """A picture in the frame, (H, W) in 0..1, blurred."""
    grey = picture.convert("L").resize((FRAME_WIDTH, FRAME_HEIGHT), Image.Resampling.BOX)
    blurred: Field = ndimage.gaussian_filter(np.asarray(grey, dtype=np.float32) / 255, BLUR)
    return blurred
