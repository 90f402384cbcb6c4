"""Which pairs a run trains on and which it holds out: decided when it begins, whatever comes to its data later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from most_sketch.checkpoints.find import trained_on
from most_sketch.checkpoints.trained import Trained, joined
from most_sketch.errors import InputError, WeightsError
from most_sketch.pairs.pairs import Pair, composed, find_pairs, hold_out
from most_sketch.training.runs import PairNames, Run, RunRecord


@dataclass(frozen=True)
class Split:
    """The pairs of one style."""

    training: list[Pair]
    held_out: list[Pair]
    names: PairNames
    """Of both, as the run keeps them."""
    added: list[Pair]
    """Pairs that are there and no part of the run: they came after it had begun."""


def split_pairs(style: str, root: Path, every: int, kept: PairNames | None) -> Split:
    """The pairs of a style in the folder `root`, split as the run keeps them, or anew with each `every`-th held out.

    Pairs are known by their place below `root`, which may itself have moved. Raises `InputError` if pairs of the run
    are not there, or if there is none to train on.
    """
    moved = "if they have moved, say where they are with --resume --data [NAME=]DIR"
    if not root.is_dir():
        raise InputError(f"style {style}: {root}: no such folder of pairs; {moved}")
    pairs = {_name(pair, root): pair for pair in find_pairs(root)}
    if kept is None:
        training, held_out = hold_out(list(pairs.values()), every)
        kept = PairNames([_name(pair, root) for pair in training], [_name(pair, root) for pair in held_out])
    missing = [name for name in (*kept.training, *kept.held_out) if name not in pairs]
    if missing:
        raise InputError(
            f"style {style}: pairs of the run are not in {root}: {_listed(missing)}; put them back, or {moved}"
        )
    if not kept.training:
        raise InputError(f"style {style}: no pairs are left to train on; add pairs or use --set hold_out=0")
    known = {*kept.training, *kept.held_out}
    added = [pair for name, pair in pairs.items() if name not in known]
    return Split([pairs[name] for name in kept.training], [pairs[name] for name in kept.held_out], kept, added)


def left_out(style: str, pairs: Sequence[Pair]) -> str:
    """The line that says which pairs of a style came too late."""
    return (
        f"style {style}: left out, because the run was begun without them: {_listed([pair.name for pair in pairs])}; "
        "a new run that begins with this one, by --init, can train on them"
    )


def trained_with(run: Run, record: RunRecord, training: Iterable[Pair]) -> Trained:
    """What the run's weights will have been trained on: its own pairs, and what it began with had seen.

    A run that goes on has weights which say that already: its photos may have been encoded anew since.
    """
    own = Trained.on(pair.photo for pair in training)
    said = _said_by(run.weights_file)
    if said is None and record.init is None:
        return own
    return joined([own, said or _said_by(record.init)]) or own


def _said_by(weights: str | Path | None) -> Trained | None:
    """What these weights say that they were trained on, None also if they are not there any more."""
    try:
        return trained_on(weights, offline=True) if weights else None
    except WeightsError:
        return None


def _name(pair: Pair, root: Path) -> str:
    return composed(pair.photo.relative_to(root).with_suffix("").as_posix())


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"
