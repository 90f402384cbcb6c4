"""The training loop, top to bottom: the data, the networks, where they begin, then step after step."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain, pairwise

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from most_sketch.checkpoints.trained import Trained
from most_sketch.checkpoints.weights import Networks
from most_sketch.distribution import anywhere, first_does, from_the_first, rank, ranks, wait_for_all
from most_sketch.drawing.contact_sheets import contact_sheet
from most_sketch.errors import InputError
from most_sketch.evaluation.metrics import Metric, fsim, l1, load_metrics, ssim
from most_sketch.network.generator import Generator
from most_sketch.pairs.lists import entry_of, listing
from most_sketch.pairs.pairs import Pair, load_pair
from most_sketch.photo.images import to_image, to_levels
from most_sketch.training.augmentation import Backgrounds
from most_sketch.training.perceptual import load_backbone
from most_sketch.training.run_report import write_report
from most_sketch.training.runs import (
    Run,
    RunRecord,
    Split,
    left_out,
    split_pairs,
    trained_with,
    waited,
)
from most_sketch.training.samples import PairSet, Sample, StyleSampler, seed_of
from most_sketch.training.trainer import Execution, Scores, Trainer
from most_sketch.training.warm_start import warm_start
from most_sketch.training.warp_training import train_warp, warp_targets

MOST_WORKERS = 16
SHEET_ROWS = 12
STYLES_COMPARED = 2
"""Held-out photos of each style that are drawn in all styles at a validation."""
CALIBRATION_SKETCHES = 32
SMALLEST_SIDE = 24
"""Below this the discriminator's last layers have no pixels left."""

QUICK_METRICS: dict[str, Metric] = {"l1": l1, "ssim": ssim}
FINAL_METRICS: dict[str, Metric] = {**QUICK_METRICS, "fsim": fsim}


def train(
    run: Run,
    new: RunRecord | None,
    execution: Execution,
    report: Callable[[int, Scores], None],
    stopped: Callable[[], bool],
    notify: Callable[[str], None] = lambda _: None,
    moved: RunRecord | None = None,
    listed: Collection[str] | None = None,
) -> Scores:
    """Train until the last step, or until `stopped()` after any step; all that matters is in the run's folder.

    Begins the `new` run, or goes on with the one in the folder if that is None. `report` is called after every
    step with the steps done and the step's figures, of which those between have none (`Execution.log_every`), and after
    every validation with its scores. Returns the last validation's scores (empty if stopped before the end). Raises
    `InputError` for data that cannot be used.

    A run that goes on keeps its pairs: `notify` is told of those that came to the data since. `moved` is its record
    with the places where the same data lie now, or with more steps. Of a new run `listed` are the pairs to train on;
    all others are held out.

    What a run is missing that was killed after its last state is made. No other process can train it meanwhile.

    With several ranks each draws its share of every batch; the first validates and keeps the files.
    """
    with ExitStack() as stack:
        # Before data are read: who is told only after minutes has waited for nothing.
        first_does(lambda: _enter(stack, run, new))
        return _train(run, new, execution, report, stopped, notify, moved, listed)


def _enter(stack: ExitStack, run: Run, new: RunRecord | None) -> None:
    """Take a run for this process alone, until the stack is left."""
    if new is not None and run.exists:
        raise run.taken()
    if not run.folder.exists():
        # A wrong option leaves nothing behind.
        stack.callback(run.forget_if_empty)
    stack.enter_context(run.alone())


def _train(
    run: Run,
    new: RunRecord | None,
    execution: Execution,
    report: Callable[[int, Scores], None],
    stopped: Callable[[], bool],
    notify: Callable[[str], None],
    moved: RunRecord | None,
    listed: Collection[str] | None,
) -> Scores:
    record = new or moved or run.record()
    config, first = record.train, rank() == 0

    kept = {} if new else run.pairs()
    splits = {
        style: split_pairs(style, root, config.hold_out, kept.get(style), listed) for style, root in record.data.items()
    }
    _check_listed(listed, splits)
    pairs = [split.training for split in splits.values()]
    held_out = [
        [pair for pair in split.held_out if pair.database not in config.drawn_by_network] for split in splits.values()
    ]
    if config.batch_size % ranks():
        raise InputError(f"a batch of {config.batch_size} cannot be shared evenly by {ranks()} ranks")
    dataset = PairSet(pairs, config, Backgrounds(record.backgrounds) if record.backgrounds else None)
    # All of them before the first step: a broken one must not end a run at its first validation.
    for pair in (pair for validation_pairs in held_out for pair in validation_pairs):
        dataset.check_size(pair, load_pair(pair)[0])
    most_reduced = max(max(style) for style in dataset.reduce)
    side = min(*dataset.size, config.crop or dataset.size[0]) // most_reduced
    if side < SMALLEST_SIDE:
        raise InputError(f"pictures of {side} pixels a side are too few to learn from; {SMALLEST_SIDE} are the least")
    if config.shift >= min(dataset.size):
        raise InputError(f"shift={config.shift} is more than pictures of {min(dataset.size)} pixels a side have")
    if record.model.matting and not dataset.has_mattes:
        raise InputError("matting is learnt from masks: no photo has one, nor a plain white background")

    backbone = load_backbone(record.perceptual, config.unit_features, execution.offline)
    trainer = Trainer(record.model, config, backbone, execution)
    sampler = StyleSampler([len(places) for places in dataset.places], config, rank=rank(), ranks=ranks())

    # Before the new folder is made: a wrong --init leaves nothing behind, nor a score that cannot be computed.
    metrics = _metrics(execution)
    fits = "" if run.state_file.exists() else warm_start(trainer, record.init, execution.offline)
    if first:
        if fits:
            notify(fits)
        if new is not None:
            run.begin(new)
        for name in [] if new else run.ignored_settings():
            notify(f"the run was begun with {name}, which is gone; it goes on without")
        if moved is not None:
            run.write(moved)
        run.keep_pairs({style: split.names for style, split in splits.items()})
        for style, split in splits.items():
            if split.added:
                notify(left_out(style, split.added))
            if split.changed:
                notify(f"style {style}: pairs are others than when the run began: {listing(split.changed)}")
            if split.leaked:
                notify(f"style {style}: trained on copies of held-out pairs (in brackets): {listing(split.leaked)}")
    trained = trained_with(run, record, chain.from_iterable(pairs)) if first else None
    wait_for_all()
    state = run.load_state()
    if state is not None:
        trainer.restore(state)
    elif backbone is not None:
        backbone.calibrate(dataset.sketches(CALIBRATION_SKETCHES).to(execution.device))

    if not prewarp_dataset(trainer, dataset, list(chain.from_iterable(pairs)), stopped, notify):
        return {}
    if first:
        run.forget_after(trainer.step)

    validation: Scores = {}
    began, begun_at = time.monotonic(), trainer.step
    sampler.start = trainer.step
    for batch in loader(dataset, sampler, execution):
        step = trainer.step + 1
        last, logging = step == config.steps, step % execution.log_every == 0
        # The first too, so that a slow machine shows soon how it goes.
        scores = trainer.train_step(*batch, logged=logging or last or step == sampler.start + 1)
        if first:
            report(step, scores)
        stopping = anywhere(stopped(), execution.device)
        if first and logging:
            taken = (time.monotonic() - began) / (trainer.step - begun_at)
            rates = {"learning_rate": trainer.learning_rate, "time": time.time()}
            run.log(step, scores | rates | {"pairs_a_second": config.batch_size / taken})
        saving = last or stopping or trainer.step % execution.save_every == 0
        validating = any(held_out) and (last or trainer.step % execution.validate_every == 0)
        if first and saving:
            networks = Networks(trainer.averaged, trainer.sketch_encoder, trainer.discriminator)
            run.save(trainer.state(), networks, config.hold_out, trained, execution.keep.last)
        if first and validating:
            validation = _validate(run, trainer, held_out, metrics | (FINAL_METRICS if last else {}))
            report(trainer.step, validation)
            if execution.keep.best and waited(run.read_log(), execution.keep.best) == 0:
                networks = Networks(trainer.averaged, trainer.sketch_encoder, trainer.discriminator)
                run.save_weights(run.best_file, networks, config.hold_out, trained)
        if first and (saving or validating):
            write_report(run, record, trainer.step)
        if stopping:
            return {}
        if validating and execution.keep.patience and not last:
            enough = first and waited(run.read_log(), execution.keep.score) >= execution.keep.patience
            if anywhere(enough, execution.device):
                if first:
                    notify(f"no better {execution.keep.score} in {execution.keep.patience} validations: ended early")
                    if not saving:
                        networks = Networks(trainer.averaged, trainer.sketch_encoder, trainer.discriminator)
                        run.save(trainer.state(), networks, config.hold_out, trained, execution.keep.last)
                return validation
    if first and not validation and trainer.step == config.steps:
        return _complete(run, record, trainer, held_out, trained)
    return validation


def _metrics(execution: Execution) -> dict[str, Metric]:
    """Those of every validation. Raises `InputError` for a score to keep the best by that cannot be computed."""
    metrics = dict(QUICK_METRICS)

    def load() -> None:
        chosen = {execution.keep.best} - {""} - metrics.keys()
        if not chosen:
            return
        loaded = load_metrics(None, torch.device("cpu"), offline=execution.offline, keys=chosen)
        if loaded.missing:
            raise InputError(f"--keep best: {next(iter(loaded.missing.values()))}")
        metrics.update(loaded.available)

    first_does(load)
    return metrics


def _validate(run: Run, trainer: Trainer, held_out: Sequence[Sequence[Pair]], metrics: Mapping[str, Metric]) -> Scores:
    """Validate, and keep the scores and the sheet in the run's folder."""
    validation, sheet = validate(trainer, held_out, metrics)
    run.log(trainer.step, validation)
    run.save_sheet(trainer.step, sheet)
    return validation


def _complete(
    run: Run, record: RunRecord, trainer: Trainer, held_out: Sequence[Sequence[Pair]], trained: Trained | None
) -> Scores:
    """Make what a finished run is missing: it was killed between its last state and its last report."""
    if run.weights_are_old():
        networks = Networks(trainer.averaged, trainer.sketch_encoder, trainer.discriminator)
        run.save_weights(run.weights_file, networks, record.train.hold_out, trained)
    final = {f"validation_{name}" for name in FINAL_METRICS}
    logged = [line for line in run.read_log() if line["step"] == trainer.step and final <= line.keys()]
    validation = {name: value for line in logged for name, value in line.items() if name != "step"}
    if not validation and any(held_out):
        validation = _validate(run, trainer, held_out, FINAL_METRICS)
    write_report(run, record, trainer.step)
    return validation


def _check_listed(listed: Collection[str] | None, splits: Mapping[str, Split]) -> None:
    """Raise `InputError` for names of a list that no pair has."""
    if listed is None:
        return
    names = [name for split in splits.values() for name in split.names.training]
    missing = sorted(name for name in listed if not any(entry_of(own, {name}) for own in names))
    if missing:
        raise InputError(f"--train-list: no pairs have these names: {listing(missing)}")


def workers_for(device: torch.device) -> int:
    """How many processes are to make samples: none on a CPU, whose cores are at work, else one a core.

    One core is for the training process, and ranks of one machine share the others. With two cores there is none.
    """
    cores = (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return 0 if device.type == "cpu" or cores <= 2 else min(cores - 1, MOST_WORKERS)


def loader(dataset: PairSet, sampler: StyleSampler, execution: Execution) -> DataLoader[Sample]:
    """The batches of a sampler, made ahead of the steps by as many processes as the execution says.

    A sample is a function of its seed, so the batches are the same for any number. One pass is the whole run, so
    `persistent_workers` would change nothing.
    """
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=execution.workers,
        pin_memory=execution.device.type == "cuda",
        worker_init_fn=_leave_signals_to_the_parent,
    )


def _leave_signals_to_the_parent(_: int) -> None:
    """Ctrl-C reaches all processes of a terminal. The training process saves, and ends those that load."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def prewarp_dataset(
    trainer: Trainer,
    dataset: PairSet,
    pairs: Sequence[Pair],
    stopped: Callable[[], bool],
    notify: Callable[[str], None],
) -> bool:
    """Bend the photos of all pairs as the network's warp does, if it has one. Train the warp first if it is new, or if
    `train_warp` is set. Returns False if training it was stopped.

    Raises `InputError` for pairs that it cannot be trained on.
    """
    warp = trainer.model.generator.warp if isinstance(trainer.model.generator, Generator) else None
    if warp is None:
        return True
    device = trainer.execution.device
    if not warp.begun or (trainer.config.train_warp and trainer.step == 0):
        rng = torch.Generator().manual_seed(seed_of(trainer.config.seed, 7))
        photos = [picture[:3] for style in dataset.pictures for picture in style]
        targets = warp_targets(pairs, photos, warp.domains, rng, stopped)
        missed = train_warp(warp, targets, rng, device, stopped)
        if anywhere(missed is None, device):
            return False
        from_the_first(warp)
        trainer.averaged.load_state_dict(trainer.model.generator.state_dict())
        notify(f"learnt where drawings lie beside their photos, to {missed:.1f} frame pixels (rms)")
    dataset.bend(lambda photo, pictures: warp.bend(photo.to(device), pictures.to(device)).cpu())
    return True


def validate(
    trainer: Trainer, held_out: Sequence[Sequence[Pair]], metrics: Mapping[str, Metric]
) -> tuple[Scores, Image.Image]:
    """Draw the held-out pairs of every style. Returns mean scores, named `validation_...`, and a sheet."""
    sums = dict.fromkeys(metrics, 0.0)
    rows: list[list[Image.Image]] = []
    labels: list[list[str]] = []
    names = trainer.averaged.config.styles
    count = sum(map(len, held_out))
    apart = 0.0
    for style, pairs in enumerate(held_out):
        shown = {round(place * len(pairs) / SHEET_ROWS * len(held_out)) for place in range(SHEET_ROWS)}
        for place, pair in enumerate(pairs):
            photo, truth = load_pair(pair)
            sketch = to_image(trainer.draw(photo, style))
            if place in shown:
                rows.append([to_image(photo), sketch, to_image(truth)])
                labels.append([pair.name, f"drawn, {names[style]}", "artist"])
            # Scored as it would be saved, in whole grey levels.
            if place < STYLES_COMPARED and len(names) > 1:
                apart += style_difference(trainer, photo) / min(STYLES_COMPARED, len(pairs)) / len(held_out)
            levels = [to_levels([picture]) for picture in (sketch, to_image(truth))]
            for name, metric in metrics.items():
                sums[name] += metric(*levels).item() / count
    if len(names) > 1:
        sums["style_difference"] = apart
    return {f"validation_{name}": value for name, value in sums.items()}, contact_sheet(rows, labels=labels)


def style_difference(trainer: Trainer, photo: Tensor) -> float:
    """Mean absolute difference, in [0, 2], of the sketches of a photo (3, H, W) in every two neighbouring styles.

    A network that ignores its memories draws all styles alike, which no score of a single style tells.
    """
    sketches = [trainer.draw(photo, style) for style in range(len(trainer.averaged.config.styles))]
    differences = [(one - other).abs().mean() for one, other in pairwise(sketches)]
    return torch.stack(differences).mean().item()
