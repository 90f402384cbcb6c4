"""A training run's folder: what it was asked to do, its state, its weights, its log and its sheets."""

from __future__ import annotations

import io
import json
import os
import pickle
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from PIL import Image

from most_sketch.checkpoints.find import find_weights, trained_on
from most_sketch.checkpoints.header import read_header
from most_sketch.checkpoints.hub import HUB_FILE, Hub
from most_sketch.checkpoints.trained import Trained, fingerprint, joined
from most_sketch.checkpoints.weights import Networks, save_weights
from most_sketch.config import from_dict, to_dict
from most_sketch.errors import InputError, WeightsError
from most_sketch.network.config import ModelConfig
from most_sketch.pairs.lists import entry_of, listing, name_below
from most_sketch.pairs.pairs import Pair, find_pairs, hold_out
from most_sketch.photo.images import encode_image, write_bytes
from most_sketch.saved_names import RENAMED_SETTINGS, RENAMED_STATES, current_tensors, ignored_settings
from most_sketch.training.config import LEAST, TrainConfig

VALIDATION = "validation_"
"""What the names of held-out scores begin with in the log."""
NETWORKS = ("model", "discriminator", "ema")
"""The parts of a training state that are tensors by their names."""


@dataclass(frozen=True)
class RunRecord:
    """What decides a run's result; written when the run begins, and again where its data have moved."""

    model: ModelConfig
    train: TrainConfig
    data: dict[str, Path]
    """Folder of pairs of each style, in the order of `model.styles`."""
    perceptual: str
    """Backbone of the style and content losses, see `perceptual.load_backbone`."""
    backgrounds: Path | None = None
    """Folder of pictures that go behind photos with a plain background or a mask."""
    init: str | None = None
    """Folder of the run, or weights as `weights.find_weights` takes them, whose networks it began with."""


@dataclass(frozen=True)
class PairNames:
    """The pairs of one style that a run trains on and holds out, by their names, in the order of their numbers."""

    training: list[str]
    held_out: list[str]
    fingerprints: dict[str, str] = field(default_factory=dict)
    """Of photo and drawing of each, so that it is noticed when they change. Runs of before have none."""


def network_of(init: str, offline: bool = False) -> ModelConfig:
    """The network of a run's folder or of weights. Raises `WeightsError` if there are none."""
    run = Run(Path(init))
    return run.record().model if run.exists else read_header(find_weights(init, Hub(offline=offline))).config


class Run:
    """The folder of one run. Every file in it is replaced atomically, the log grows line by line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record_file = folder / "run.json"
        self.pairs_file = folder / "pairs.json"
        self.state_file = folder / "state.pt"
        self.weights_file = folder / HUB_FILE
        self.log_file = folder / "log.jsonl"
        self.report_file = folder / "report.html"
        self.curves_file = folder / "curves.png"
        self.best_file = folder / "weights-best.safetensors"
        self.lock_file = folder / "lock"

    @property
    def exists(self) -> bool:
        return self.record_file.is_file()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from training this run; one that is killed does so no longer.

        Raises `InputError` if one is training it.
        """
        # Beside it the process's number: on Windows nobody can read a locked file.
        process = self.folder / "lock.process"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.lock_file, timeout=0)
            lock.acquire()
        except Timeout:
            number = process.read_text(encoding="ascii") if process.exists() else "?"
            raise InputError(f"{self.folder}: is being trained by process {number}") from None
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written ({error.strerror or error})") from error
        try:
            write_bytes(process, str(os.getpid()).encode())
            yield
        finally:
            process.unlink(missing_ok=True)
            lock.release()

    def taken(self) -> InputError:
        """What to say to who would begin a run where there is one."""
        return InputError(f"{self.folder}: holds a run already; go on with --resume or choose another --out")

    def forget_if_empty(self) -> None:
        """Remove the folder if nothing came into it but the lock."""
        if {path.name for path in self.folder.iterdir()} <= {self.lock_file.name}:
            self.lock_file.unlink(missing_ok=True)
            self.folder.rmdir()

    def begin(self, record: RunRecord) -> None:
        """Make the folder and write the record. Raises `InputError` if a run is there or it cannot be made."""
        if self.exists:
            raise self.taken()
        try:
            (self.folder / "sheets").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be made ({error.strerror})") from error
        self.write(record)

    def write(self, record: RunRecord) -> None:
        """Write the record, which later says at most where the same data lie now."""
        values = {
            "model": to_dict(record.model),
            "train": to_dict(record.train),
            "data": {name: str(folder) for name, folder in record.data.items()},
            "perceptual": record.perceptual,
            "backgrounds": record.backgrounds and str(record.backgrounds),
            "init": record.init,
        }
        write_bytes(self.record_file, json.dumps(values, indent=2).encode())

    def record(self) -> RunRecord:
        """Read back what `begin` wrote. Raises `InputError` if there is no run, `WeightsError` if damaged."""
        if not self.exists:
            raise InputError(f"{self.folder}: no run to resume there (no {self.record_file.name})")
        try:
            values = json.loads(self.record_file.read_bytes())
            return RunRecord(
                from_dict(ModelConfig, values["model"]),
                from_dict(TrainConfig, values["train"]),
                {name: Path(folder) for name, folder in values["data"].items()},
                str(values["perceptual"]),
                Path(values["backgrounds"]) if values.get("backgrounds") else None,
                values.get("init"),
            )
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise WeightsError(f"{self.record_file}: damaged ({error})") from error

    def ignored_settings(self) -> list[str]:
        """Settings that the run was begun with and that are gone since. Raises like `record`."""
        self.record()
        values = json.loads(self.record_file.read_bytes())["train"]
        return ignored_settings(values | values.get("losses", {}))

    def keep_pairs(self, pairs: Mapping[str, PairNames]) -> None:
        """Write which pairs of each style are trained on and which are held out."""
        values = {style: asdict(names) for style, names in pairs.items()}
        write_bytes(self.pairs_file, json.dumps(values, indent=2).encode())

    def pairs(self) -> dict[str, PairNames]:
        """Read back what `keep_pairs` wrote; empty for runs that were begun before it was kept.

        Raises `WeightsError` if damaged.
        """
        if not self.pairs_file.exists():
            return {}
        try:
            values = json.loads(self.pairs_file.read_bytes())
            return {
                style: PairNames(
                    list(map(str, names["training"])),
                    list(map(str, names["held_out"])),
                    {str(name): str(digits) for name, digits in names.get("fingerprints", {}).items()},
                )
                for style, names in values.items()
            }
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise WeightsError(f"{self.pairs_file}: damaged ({error})") from error

    def save(
        self,
        state: Mapping[str, Any],
        networks: Networks,
        hold_out: int,
        trained: Trained | None = None,
        last: int = 0,
    ) -> None:
        """Write the training state and the weights to draw with, which remember what was held out and what was not.

        They can be trained on with. Weights of the `last` steps stay beside them. Raises `InputError` or `WeightsError`
        where they cannot be written, as on a full disk; the state before is whole then.
        """
        # In memory first: torch says of a full disk that its archive has an unexpected position.
        content = io.BytesIO()
        torch.save(dict(state), content)
        write_bytes(self.state_file, content.getbuffer())
        self.save_weights(self.weights_file, networks, hold_out, trained)
        kept = keep_last(self.folder, int(state["step"]), last) if last else None
        if kept is not None:
            write_bytes(kept, self.weights_file.read_bytes())

    def save_weights(self, path: Path, networks: Networks, hold_out: int, trained: Trained | None) -> None:
        """Write weights to draw with. Raises like `save`."""
        save_weights(path, networks, torch.float16, hold_out, trained)

    def weights_are_old(self) -> bool:
        """Are the weights missing, or from before the last state? So leaves them who is killed between the two."""
        weights, state = self.weights_file, self.state_file
        return not weights.exists() or weights.stat().st_mtime_ns < state.stat().st_mtime_ns

    def load_state(self) -> dict[str, Any] | None:
        """The last saved training state, or None before the first. Raises `WeightsError` if damaged."""
        if not self.state_file.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self.state_file, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise WeightsError(f"{self.state_file}: damaged training state ({error})") from error
        state = {RENAMED_STATES.get(name, name): part for name, part in state.items()}
        return state | {name: current_tensors(state[name]) for name in NETWORKS if name in state}

    def state(self) -> dict[str, Any]:
        """The last saved training state. Raises `InputError` if there is none, `WeightsError` if damaged."""
        state = self.load_state()
        if state is None:
            raise InputError(f"{self.folder}: no run with a training state there (no {self.state_file.name})")
        return state

    def log(self, step: int, scores: Mapping[str, float]) -> None:
        """Append one line to the log."""
        try:
            with self.log_file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **scores}) + "\n")
        except OSError as error:
            raise InputError(f"{self.log_file}: cannot be written ({error.strerror or error})") from error

    def read_log(self) -> list[dict[str, Any]]:
        """The lines of the log that can be read, each a step and its figures by name."""
        if not self.log_file.exists():
            return []
        try:
            return [_renamed(line) for _, line in self._log_lines()]
        except OSError as error:
            raise WeightsError(f"{self.log_file}: cannot be read ({error.strerror or error})") from error

    def _log_lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The lines of the log that can be read, as they are and what they say: a full disk leaves blank ones, a
        machine that went down NULs."""
        for line in self.log_file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
            try:
                values = json.loads(line)
                int(values["step"])
            except (ValueError, KeyError, TypeError):
                continue
            if line.endswith("\n"):
                yield line, values

    def forget_after(self, step: int) -> None:
        """Drop the log of steps that were done after the last checkpoint and will be done again."""
        if self.log_file.exists():
            kept = [line for line, values in self._log_lines() if values["step"] <= step]
            write_bytes(self.log_file, "".join(kept).encode())

    def sheet_file(self, step: int) -> Path:
        """Where the contact sheet of a step is, if there is one."""
        return self.folder / "sheets" / f"{step:06d}.png"

    def save_sheet(self, step: int, sheet: Image.Image) -> None:
        """Write the contact sheet of a step."""
        write_bytes(self.sheet_file(step), encode_image(sheet, ".png"))


@dataclass(frozen=True)
class Split:
    """The pairs of one style."""

    training: list[Pair]
    held_out: list[Pair]
    names: PairNames
    """Of both, as the run keeps them."""
    changed: list[str]
    """Pairs whose pictures are others than when the run began."""
    leaked: list[str]
    """Pairs that are trained on and have become copies of held-out ones, each with its copy."""
    added: list[Pair]
    """Pairs that are there and no part of the run: they came after it had begun."""


def split_pairs(
    style: str, root: Path, every: int, kept: PairNames | None, listed: Collection[str] | None = None
) -> Split:
    """The pairs of a style in the folder `root`, split as the run keeps them, or anew: with each `every`-th held out,
    or all that are not `listed`.

    Pairs are known by their place below `root`, which may itself have moved. Raises `InputError` if pairs of the run
    are not there, or if there is none to train on.
    """
    moved = "if they have moved, say where they are with --resume --data [NAME=]DIR"
    if not root.is_dir():
        raise InputError(f"style {style}: {root}: no such folder of pairs; {moved}")
    pairs = {name_below(pair, root): pair for pair in find_pairs(root)}
    if kept is None:
        if listed is None:
            training, held_out = hold_out(list(pairs.values()), every)
        else:
            training = [pair for name, pair in pairs.items() if entry_of(name, listed) is not None]
            held_out = [pair for name, pair in pairs.items() if entry_of(name, listed) is None]
        kept = PairNames([name_below(pair, root) for pair in training], [name_below(pair, root) for pair in held_out])
    missing = [name for name in (*kept.training, *kept.held_out) if name not in pairs]
    if missing:
        raise InputError(
            f"style {style}: pairs of the run are not in {root}: {listing(missing)}; put them back, or {moved}"
        )
    if not kept.training:
        raise InputError(f"style {style}: no pairs are left to train on; add pairs or use --set hold_out=0")
    known = {*kept.training, *kept.held_out}
    added = [pair for name, pair in pairs.items() if name not in known]
    prints = {name: _fingerprints(pairs[name]) for name in (*kept.training, *kept.held_out)}
    before = kept.fingerprints or prints
    changed = [name for name in prints if before.get(name, prints[name]) != prints[name]]
    held = {before.get(name, prints[name]): name for name in kept.held_out}
    leaked = [f"{name} ({held[prints[name]]})" for name in kept.training if name in changed and prints[name] in held]
    names = replace(kept, fingerprints=before)
    return Split(
        [pairs[name] for name in kept.training],
        [pairs[name] for name in kept.held_out],
        names,
        changed,
        leaked,
        added,
    )


def _fingerprints(pair: Pair) -> str:
    """Of a pair's two pictures, however they are stored."""
    return fingerprint(pair.photo) + fingerprint(pair.sketch)


def _renamed(line: Mapping[str, Any]) -> dict[str, Any]:
    """A log's line with the names that its figures have today."""
    return {RENAMED_SETTINGS.get(name, name): value for name, value in line.items()} | {"step": int(line["step"])}


def left_out(style: str, pairs: Sequence[Pair]) -> str:
    """The line that says which pairs of a style came too late."""
    return (
        f"style {style}: left out, because the run was begun without them: {listing([pair.name for pair in pairs])}; "
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


def better(score: str, one: float, other: float) -> bool:
    """Is one value of a metric better than another?"""
    return one < other if score in LEAST else one > other


def waited(log: Sequence[Mapping[str, Any]], score: str) -> int:
    """How many validations, the last of a log's, had no better score than one before; 0 if the last is best."""
    values = [line[VALIDATION + score] for line in log if VALIDATION + score in line]
    best = 0
    for place, value in enumerate(values):
        if better(score, value, values[best]):
            best = place
    return len(values) - 1 - best if values else 0


def keep_last(folder: Path, step: int, count: int) -> Path | None:
    """Where the weights of a step are kept, beside those of the steps before; what is too many is removed."""
    if not count:
        return None
    path = folder / f"weights-{step:06d}.safetensors"
    kept = sorted({*folder.glob("weights-[0-9][0-9][0-9][0-9][0-9][0-9]*.safetensors"), path})
    for old in kept[:-count]:
        old.unlink(missing_ok=True)
    return path
