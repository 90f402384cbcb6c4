"""Is the person still recognised? Photos and their sketches through a face recogniser that never saw a sketch.

    pip install dlib-bin face_recognition_models setuptools numpy pillow     # in an environment of its own
    python benchmarks/identity.py PHOTOS SKETCHES [SKETCHES ...]

All folders hold pictures of the same names in the frame of CUFS, at any size, as `most-sketch convert --layout crop`
and `prepare` make them. Printed for each folder of sketches: the mean distance of the 128 numbers by which dlib's
network (King 2017) tells faces apart, between a sketch and its own photo (dlib calls two photos one person below 0.6);
how often the own photo is the nearest of all (rank 1); and how much nearer it is than the mean of the others.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

import numpy as np
from PIL import Image

FACE = (42, 82, 158, 208)
"""Left, top, right, bottom of a face in the frame of 200 x 250."""
FRAME_WIDTH = 200


class Recogniser:
    """dlib's face recognition network."""

    def __init__(self) -> None:
        import dlib

        spec = importlib.util.find_spec("face_recognition_models")
        if spec is None or not spec.submodule_search_locations:
            sys.exit("pip install face_recognition_models")
        models = Path(spec.submodule_search_locations[0]) / "models"
        self._rectangle = dlib.rectangle
        self._landmarks = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        self._network = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))

    def __call__(self, path: Path) -> np.ndarray:
        """The numbers of the face in a framed picture, (128,)."""
        picture = Image.open(path).convert("L").convert("RGB")
        scale = picture.width / FRAME_WIDTH
        pixels = np.asarray(picture)
        face = self._rectangle(*(round(scale * side) for side in FACE))
        return np.array(self._network.compute_face_descriptor(pixels, self._landmarks(pixels, face)))


def main() -> None:
    """Compare each folder of sketches with the photos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("sketches", type=Path, nargs="+")
    options = parser.parse_args()
    recognise = Recogniser()
    names = sorted(path.stem for path in options.photos.iterdir() if path.is_file())
    photos = np.stack([recognise(_named(options.photos, name)) for name in names])
    for folder in options.sketches:
        sketches = np.stack([recognise(_named(folder, name)) for name in names])
        distances = np.linalg.norm(sketches[:, None] - photos[None], axis=-1)
        own = distances.diagonal()
        others = (distances.sum(axis=1) - own) / max(1, len(names) - 1)
        first = (distances.argmin(axis=1) == np.arange(len(names))).mean()
        sys.stdout.write(
            f"{folder}: {len(names)} faces, distance {own.mean():.4f}, rank 1 {first:.3f}, "
            f"nearer than others by {(others - own).mean():.4f}\n"
        )


def _named(folder: Path, name: str) -> Path:
    """The picture of this name, whatever its ending; `.sketch` may be part of it."""
    found = [path for path in folder.iterdir() if path.stem in (name, f"{name}.sketch")]
    if len(found) != 1:
        sys.exit(f"{folder}: {len(found)} pictures named {name}")
    return found[0]


if __name__ == "__main__":
    main()
