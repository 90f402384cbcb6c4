"""A photographed sheet is found by its outline and straightened, and nothing else is taken for one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from most_sketch.pairs.perspective import find_sheet, project, rectify

CORNERS = np.array([(90.0, 70.0), (520.0, 110.0), (560.0, 720.0), (50.0, 690.0)])


def photographed() -> tuple[Image.Image, np.ndarray]:
    """A sheet with crosses on a dark table, seen askew, and where its crosses are."""
    sheet = Image.new("L", (400, 500), 240)
    pen = ImageDraw.Draw(sheet)
    marks = np.array([(100.0, 120.0), (300.0, 120.0), (200.0, 400.0)])
    for x, y in marks:
        pen.line((x - 20, y, x + 20, y), 30, 4)
        pen.line((x, y - 20, x, y + 20), 30, 4)
    flat = np.array([(0.0, 0.0), (400.0, 0.0), (400.0, 500.0), (0.0, 500.0)])
    rows = [
        row
        for (u, v), (x, y) in zip(CORNERS, flat, strict=True)
        for row in ((u, v, 1, 0, 0, 0, -x * u, -x * v), (0, 0, 0, u, v, 1, -y * u, -y * v))
    ]
    back = np.linalg.solve(np.array(rows), flat.ravel())
    table = Image.new("L", (620, 780), 90)
    seen = sheet.transform(table.size, Image.Transform.PERSPECTIVE, tuple(back), Image.Resampling.BICUBIC)
    mask = Image.new("L", table.size)
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in CORNERS], fill=255)
    table.paste(seen, mask=mask)
    return table, project(np.linalg.inv(np.append(back, 1).reshape(3, 3)), marks)


def test_a_sheet_on_a_table_is_straightened_and_points_go_with_it() -> None:
    picture, marks = photographed()
    corners = find_sheet(picture)
    assert corners is not None
    assert np.abs(corners - CORNERS).max() < 6
    upright, homography = rectify(picture, corners)
    grey = np.asarray(upright)
    # No table is left, and the crosses lie where their places went, in one row again.
    assert (grey[[0, -1]] > 200).all()
    assert (grey[:, [0, -1]] > 200).all()
    placed = project(homography, marks)
    for x, y in placed:
        assert grey[round(y) - 3 : round(y) + 3, round(x) - 3 : round(x) + 3].min() < 80
    assert abs(placed[0, 1] - placed[1, 1]) < 8
    assert placed[1, 0] - placed[0, 0] == pytest.approx(upright.width / 2, rel=0.05)


def test_what_is_no_sheet_on_a_table_is_left_alone() -> None:
    scan = Image.new("L", (400, 500), 250)
    ImageDraw.Draw(scan).ellipse((100, 100, 300, 400), fill=60)
    assert find_sheet(scan) is None
    oval = Image.new("L", (400, 500), 60)
    ImageDraw.Draw(oval).ellipse((40, 40, 360, 460), fill=240)
    assert find_sheet(oval) is None
    cut = photographed()[0].crop((120, 0, 620, 780))
    assert find_sheet(cut) is None
    assert find_sheet(Image.new("L", (50, 50), 255)) is None
