"""What the words and numbers of `convert`'s options mean. Raises `typer.BadParameter`, which names the option."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from most_sketch.errors import InputError

if TYPE_CHECKING:
    from most_sketch.drawing.cluster import Cluster


def face_count(faces: str) -> int | None:
    """Of `--faces`; None is all."""
    if faces == "largest":
        return 1
    return None if faces == "all" else positive("--faces", faces)


def height(size: str) -> int:
    """Of `--size`."""
    from most_sketch.photo.frame import checked_size

    try:
        return checked_size(positive("--size", size))
    except InputError as error:
        raise typer.BadParameter(f"--{error}") from error


def cluster(address: str | None, workers: str | None) -> Cluster | None:
    """From `--ray` and `--ray-workers`, as `2` or `1-16`."""
    if address is None:
        if workers is not None:
            raise typer.BadParameter("--ray-workers goes with --ray")
        return None
    from most_sketch.drawing.cluster import Cluster

    if workers is None:
        return Cluster(address)
    least, _, most = workers.partition("-")
    bounds = positive("--ray-workers", least), positive("--ray-workers", most or least)
    if bounds[0] > bounds[1]:
        raise typer.BadParameter(f"--ray-workers {workers}: the smaller number comes first")
    return Cluster(address, *bounds)


def positive(option: str, text: str) -> int:
    """The whole number that an option says."""
    if not text.isdecimal() or int(text) < 1:
        raise typer.BadParameter(f"{option} {text}: expected a whole number from 1, or a word that --help lists")
    return int(text)
