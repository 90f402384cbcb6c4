"""Where the sketches to be scored come from: weights, a folder of pictures, or a classical baseline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from most_sketch.checkpoints.hub import HUB_FILE
from most_sketch.checkpoints.weights import load_weights
from most_sketch.errors import InputError, WeightsError, did_you_mean
from most_sketch.evaluation.baselines import Method, Nearest, dodge, grey
from most_sketch.network.build import draw as draw_with
from most_sketch.pairs.layouts import name_key
from most_sketch.pairs.pairs import Pair
from most_sketch.photo.folders import is_clutter
from most_sketch.photo.images import IMAGE_SUFFIXES, read_image, require_numbers, to_tensor

BASELINES = ("grey", "dodge", "nearest")


def baseline(name: str, gallery: Sequence[Pair]) -> tuple[str, Method]:
    """A method of `BASELINES` and how tables call it. `gallery` is where `nearest` takes its sketches from."""
    if name == "grey":
        return "the grey photo", grey
    if name == "dodge":
        return "colour-dodge pencil filter", dodge
    return "the nearest other sketch", Nearest(gallery)


def network(name_or_path: str, style: str | None, device: torch.device, offline: bool = False) -> Method:
    """The method that draws with weights, given as `load_weights` takes them.

    Raises `InputError` for a style that the weights do not have, `WeightsError` for weights that are unusable.
    """
    generator = load_weights(name_or_path, offline=offline).to(device)
    styles = generator.config.styles
    if style is not None and style not in styles:
        known = ", ".join(styles)
        raise InputError(f"--style {style}: the weights {name_or_path} have {known}{did_you_mean(style, styles)}")

    def style_of(pair: Pair) -> int:
        """The style that was asked for, else one that a folder of the database has the name of, else the first."""
        names = (style,) if style else reversed(pair.database.split("/"))
        return next((styles.index(name) for name in names if name in styles), 0)

    @torch.inference_mode()
    def draw(pairs: Sequence[Pair], photos: Tensor) -> Tensor:
        chosen = torch.tensor([style_of(pair) for pair in pairs], device=photos.device)
        sketches = draw_with(generator, photos, chosen)
        if not sketches.isfinite().all():
            raise WeightsError(f"{name_or_path}: drew values that are not numbers")
        return sketches

    return draw


class Shared:
    """Methods that each draw some of the pairs, as they are told."""

    def __init__(self, shares: Iterable[tuple[Method, Sequence[Pair]]]) -> None:
        self.method_of = {pair.photo: method for method, pairs in shares for pair in pairs}

    def __call__(self, pairs: Sequence[Pair], photos: Tensor) -> Tensor:
        sketches = torch.empty_like(photos[:, :1])
        methods = [self.method_of[pair.photo] for pair in pairs]
        for method in dict.fromkeys(methods):
            places = [place for place, its in enumerate(methods) if its is method]
            sketches[places] = method([pairs[place] for place in places], photos[places])
        return sketches


def names_of_weights(given: Sequence[str]) -> list[str]:
    """What tables call weights: the name, the file's or the run's; as given where that would not tell them apart."""
    paths = [Path(name) for name in given]
    names = [path.parent.name or path.name if path.name == HUB_FILE else path.name for path in paths]
    names = [name.removesuffix(".safetensors") for name in names]
    return names if len(set(names)) == len(names) else list(given)


def find_pictures(root: Path, option: str) -> list[Path]:
    """All pictures of a folder, at any depth, by name. Raises `InputError` where there is none; `option` named it."""
    if not root.is_dir():
        raise InputError(f"{option} {root}: no such folder")
    pictures = [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES and not any(map(is_clutter, path.relative_to(root).parts))
    ]
    if not pictures:
        raise InputError(f"{option} {root}: no pictures in it")
    return pictures


class Folder:
    """Sketches that something else made: `DATABASE/NAME.png` or, where names are unique, just `NAME.png`.

    NAME is that of the photo or of the artist's sketch; the ending may be that of any picture. Pictures are
    looked for at any depth, so the folders that `--save` writes are understood.
    Raises `InputError` unless every pair has exactly one prediction. `known` are all pairs of the set, of which
    only some may be asked for: a picture that belongs to none of them is an error too.
    """

    def __init__(self, root: Path, pairs: Sequence[Pair], known: Sequence[Pair]) -> None:
        if not root.is_dir():
            raise InputError(f"--predictions {root}: no such folder, nor one of {', '.join(BASELINES)}")
        pictures = find_pictures(root, "--predictions")
        names = _pairs_by_name(known)
        self.path_of: dict[Path, Path] = {}
        strays: list[Path] = []
        for picture in pictures:
            place = picture.relative_to(root).with_suffix("")
            owners = names.get(name_key(place.as_posix())) or names.get(name_key(place.name), [])
            if len(owners) > 1:
                databases = ", ".join(pair.database for pair in owners)
                raise InputError(f"{picture}: {databases} all have this name; sort the predictions into such folders")
            if not owners:
                strays.append(picture)
            elif owners[0].photo in self.path_of:
                raise InputError(f"{picture} and {self.path_of[owners[0].photo].name}: two sketches of one photo")
            else:
                self.path_of[owners[0].photo] = picture
        _complain("without a pair of the same name", [str(path) for path in strays])
        _complain(f"without a prediction in {root}", [pair.name for pair in pairs if pair.photo not in self.path_of])

    def __call__(self, pairs: Sequence[Pair], photos: Tensor) -> Tensor:
        height, width = photos.shape[-2:]
        sketches = []
        for pair in pairs:
            path = self.path_of[pair.photo]
            sketch = read_image(path).convert("L")
            require_numbers(path)
            if sketch.size != (width, height):
                raise InputError(
                    f"{path}: {sketch.width} x {sketch.height} pixels, but the artist's sketch has {width} x {height}; "
                    "nothing is resized before it is scored"
                )
            sketches.append(to_tensor(sketch))
        return torch.stack(sketches)


def _pairs_by_name(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """The pairs that a prediction of some name, with or without its database, may belong to."""
    names: dict[str, list[Pair]] = {}
    for pair in pairs:
        for stem in dict.fromkeys((name_key(pair.photo.stem), name_key(pair.sketch.stem))):
            names.setdefault(stem, []).append(pair)
            names.setdefault(f"{name_key(pair.database)}/{stem}", []).append(pair)
    return names


def _complain(what: str, names: Sequence[str]) -> None:
    if names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise InputError(f"{what}: {', '.join(names[:5])}{more}")
