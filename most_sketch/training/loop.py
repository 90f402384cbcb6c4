"""The training loop, top to bottom: the data, the networks, where they begin, then step after step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PIL import Image
from torch.utils.data import DataLoader

from most_sketch.distribution import anywhere, rank, ranks, wait_for_all
from most_sketch.errors import InputError
from most_sketch.evaluation.metrics import Metric, fsim, l1, ssim
from most_sketch.pairs.pairs import Pair, find_pairs, hold_out, load_pair
from most_sketch.photo.images import to_image, to_levels
from most_sketch.training.augmentation import Backgrounds
from most_sketch.training.perceptual import load_backbone
from most_sketch.training.runs import Run, RunRecord
from most_sketch.training.samples import PairSet, StyleSampler
from most_sketch.training.sheets import contact_sheet
from most_sketch.training.trainer import Execution, Scores, Trainer
from most_sketch.training.warm_start import warm_start

LOG_EVERY = 10
SHEET_ROWS = 12
CALIBRATION_SKETCHES = 32

QUICK_METRICS: dict[str, Metric] = {"l1": l1, "ssim": ssim}
FINAL_METRICS: dict[str, Metric] = {**QUICK_METRICS, "fsim": fsim}


def train(
    run: Run,
    new: RunRecord | None,
    execution: Execution,
    report: Callable[[int, Scores], None],
    stopped: Callable[[], bool],
) -> Scores:
    """Train until the last step, or until `stopped()` after any step; all that matters is in the run's folder.

    Begins the `new` run, or goes on with the one in the folder if that is None. `report` is called after every
    step with the steps done and the step's figures, and after every validation with its scores. Returns the
    last validation's scores (empty if stopped before the end). Raises `InputError` for data that cannot be used.

    With several ranks each draws its share of every batch; the first validates and keeps the files.
    """
    record = new or run.record()
    config, first = record.train, rank() == 0

    splits = [hold_out(find_pairs(root), config.hold_out) for root in record.data.values()]
    pairs, held_out = [training for training, _ in splits], [validation for _, validation in splits]
    for name, training in zip(record.data, pairs, strict=True):
        if not training:
            raise InputError(f"style {name}: no pairs are left to train on; add pairs or use --set hold_out=0")
    if config.batch_size % ranks():
        raise InputError(f"a batch of {config.batch_size} cannot be shared evenly by {ranks()} ranks")
    # All of them before the first step: a broken one must not end a run at its first validation.
    for pair in (pair for validation_pairs in held_out for pair in validation_pairs):
        load_pair(pair)
    dataset = PairSet(pairs, config, Backgrounds(record.backgrounds) if record.backgrounds else None)
    if record.model.matting and not dataset.has_mattes:
        raise InputError("matting is learnt from masks: no photo has one, nor a plain white background")

    backbone = load_backbone(record.perceptual, config.unit_features)
    trainer = Trainer(record.model, config, backbone, execution)
    sampler = StyleSampler([len(style) for style in pairs], config, rank=rank(), ranks=ranks())

    # Before the new folder is made: a wrong --init leaves nothing behind.
    if not run.state_file.exists():
        warm_start(trainer, record.init)
    if new is not None and first:
        run.begin(new)
    wait_for_all()
    state = run.load_state()
    if state is not None:
        trainer.restore(state)
        if first:
            run.forget_after(trainer.step)
    elif backbone is not None:
        backbone.calibrate(dataset.sketches(CALIBRATION_SKETCHES).to(execution.device))

    validation: Scores = {}
    sampler.start = trainer.step
    for batch in DataLoader(dataset, batch_sampler=sampler):
        scores = trainer.train_step(*batch)
        if first:
            report(trainer.step, scores)
        last, stopping = trainer.step == config.steps, anywhere(stopped(), execution.device)
        if first and trainer.step % LOG_EVERY == 0:
            run.log(trainer.step, scores)
        if first and (last or stopping or trainer.step % execution.save_every == 0):
            run.save(trainer.state(), trainer.averaged, config.hold_out, trainer.sketch_encoder)
        if first and any(held_out) and (last or trainer.step % execution.validate_every == 0):
            validation, sheet = validate(trainer, held_out, FINAL_METRICS if last else QUICK_METRICS)
            run.log(trainer.step, validation)
            run.save_sheet(trainer.step, sheet)
            report(trainer.step, validation)
        if stopping:
            return {}
    return validation


def validate(
    trainer: Trainer, held_out: Sequence[Sequence[Pair]], metrics: Mapping[str, Metric]
) -> tuple[Scores, Image.Image]:
    """Draw the held-out pairs of every style. Returns mean scores, named `validation_...`, and a sheet."""
    sums = dict.fromkeys(metrics, 0.0)
    rows: list[list[Image.Image]] = []
    count = sum(map(len, held_out))
    for style, pairs in enumerate(held_out):
        shown = {round(place * len(pairs) / SHEET_ROWS * len(held_out)) for place in range(SHEET_ROWS)}
        for place, pair in enumerate(pairs):
            photo, truth = load_pair(pair)
            sketch = to_image(trainer.draw(photo, style))
            if place in shown:
                rows.append([to_image(photo), sketch, to_image(truth)])
            # Scored as it would be saved, in whole grey levels.
            levels = [to_levels([picture]) for picture in (sketch, to_image(truth))]
            for name, metric in metrics.items():
                sums[name] += metric(*levels).item() / count
    return {f"validation_{name}": value for name, value in sums.items()}, contact_sheet(rows)
