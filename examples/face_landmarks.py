"""Find the 468 points of a face in photos and in drawings, for `most-sketch prepare --fit`.

    pip install mediapipe==0.10.21          # in an environment of its own: it asks for an older numpy
    python examples/face_landmarks.py SET

Wherever SET holds folders photos/ and sketches/, or with these words in their names, photo_points/NAME.pts and
sketch_points/NAME.pts are written beside them, in iBUG's format. Names of pictures in which no face was found are
printed; `prepare` looks for these itself.

MediaPipe's face mesh (Apache 2.0) finds the points, in pencil drawings too.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from person_masks import pictures
from PIL import Image

FOLDERS = {"photo": "photo_points", "sketch": "sketch_points"}
"""What the names of folders of pictures say, and the folders beside them that get their points."""
LARGEST = 1600
"""Longer pictures are searched at this length."""
MARGINS = (0.0, 0.3, 0.8)
"""White around a picture, in parts of its length, with which it is searched in turn: the detector misses faces that
fill it."""


def points_of(paths: list[Path]) -> Iterator[tuple[Path, np.ndarray | None]]:
    """Each picture's path and the points of its largest face (468, 2) in its pixels, None if there is none."""
    import mediapipe as mp

    with mp.solutions.face_mesh.FaceMesh(static_image_mode=True, min_detection_confidence=0.3) as mesh:
        for path in paths:
            with Image.open(path) as file:
                picture = Image.new("RGB", file.size, "white")
                picture.paste(file.convert("RGB"), mask=file.convert("RGBA").getchannel("A"))
            yield (
                path,
                next((found for margin in MARGINS if (found := _search(mesh, picture, margin)) is not None), None),
            )


def _search(mesh: object, picture: Image.Image, margin: float) -> np.ndarray | None:
    border = round(margin * max(picture.size))
    wide = Image.new("RGB", (picture.width + 2 * border, picture.height + 2 * border), "white")
    wide.paste(picture, (border, border))
    searched = wide.copy()
    searched.thumbnail((LARGEST, LARGEST))
    faces = mesh.process(np.asarray(searched)).multi_face_landmarks
    if not faces:
        return None
    points = np.array([(point.x, point.y) for point in faces[0].landmark])
    return points * wide.size - border


def write_points(root: Path) -> None:
    """Write the points of all pictures of a paired set, but of those whose points would have one name.

    FS2K's `photo/photo2` and `photo/photo3` have such; `most-sketch prepare --list` parts them.
    """
    for word, points_folder in FOLDERS.items():
        folders = [path for path in sorted(root.rglob("*")) if word in path.name.lower() and path.is_dir()]
        paths = pictures(path for path in folders if path.name not in FOLDERS.values())
        goes_to = {path: path.parent.parent / points_folder / f"{path.stem}.pts" for path in paths}
        sharing = Counter(goes_to.values())
        for path in (path for path in paths if sharing[goes_to[path]] > 1):
            sys.stderr.write(f"{path}: no points, for another picture's would have the name {goes_to[path]} too\n")
        for path, points in points_of([path for path in paths if sharing[goes_to[path]] == 1]):
            if points is None:
                sys.stderr.write(f"{path}: no face found\n")
                continue
            goes_to[path].parent.mkdir(exist_ok=True)
            lines = "".join(f"{x:.1f} {y:.1f}\n" for x, y in points)
            goes_to[path].write_text(f"version: 1\nn_points: {len(points)}\n{{\n{lines}}}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, metavar="SET")
    write_points(parser.parse_args().root)
