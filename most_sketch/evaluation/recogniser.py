"""A face recogniser that never saw a sketch: dlib's network (King 2017), for `eval --identity`."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from most_sketch.errors import InputError
from most_sketch.photo.faces import FaceFinder
from most_sketch.photo.mtcnn_networks import load_cascade

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""

SIDE, ABOVE = 1.14, 0.86
"""How far the face's box reaches to each side of the middle of the eyes and above it, in distances between the eyes: a
square as dlib's own detector gives them, with which its landmarks were learnt."""
ROOM = 4
"""A grey border of one in so many of the photo's width: where a face fills the picture, as in the crops of CUFSF, MTCNN
takes its eyes ten pixels wrong, or finds none. With room around it they are right to three (six photos looked at)."""


class Recogniser(Protocol):
    """Finds a face and tells it from others by numbers."""

    def locate(self, photo: Image.Image) -> Box | None:
        """The largest face in an RGB photo; None if there is none."""

    def embed(self, picture: Image.Image, box: Box) -> Tensor:
        """The face in a box of a photo or sketch, (D,) float64: the nearer two are, the more alike the faces."""


class DlibRecogniser:
    """128 numbers a face; dlib calls two photos less than 0.6 apart one person.

    Pictures are looked at in grey, for a sketch has no colour. Raises `InputError` if the extra is not installed.
    """

    def __init__(self, device: torch.device) -> None:
        try:
            import dlib
        except ImportError as error:
            raise InputError(_remedy("dlib")) from error
        # Found without being imported, which would take setuptools.
        spec = importlib.util.find_spec("face_recognition_models")
        if spec is None or not spec.submodule_search_locations:
            raise InputError(_remedy("face_recognition_models"))
        models = Path(spec.submodule_search_locations[0]) / "models"
        self._rectangle = dlib.rectangle
        self._landmarks = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        self._network = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))
        # Ours, for dlib's own finds no face of less than 80 pixels.
        self._finder = FaceFinder(load_cascade(device))

    def locate(self, photo: Image.Image) -> Box | None:
        """As `Recogniser`: by MTCNN's eyes."""
        border = photo.width // ROOM
        faces = self._finder.find(ImageOps.expand(photo, border, fill="grey"))
        if not faces:
            return None
        (left, top), (right, bottom) = faces[0].eyes
        unit = math.dist(*faces[0].eyes)
        x, y = (left + right) / 2 - border, (top + bottom) / 2 - border
        return x - SIDE * unit, y - ABOVE * unit, x + SIDE * unit, y + (2 * SIDE - ABOVE) * unit

    def embed(self, picture: Image.Image, box: Box) -> Tensor:
        """As `Recogniser`, (128,)."""
        pixels = np.asarray(picture.convert("L").convert("RGB"))
        landmarks = self._landmarks(pixels, self._rectangle(*map(round, box)))
        return torch.tensor(list(self._network.compute_face_descriptor(pixels, landmarks)), dtype=torch.float64)


def _remedy(package: str) -> str:
    return f"--identity: {package} is not installed; pip install 'most-sketch[identity]'"
