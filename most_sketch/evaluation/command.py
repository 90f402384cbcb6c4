"""What `most-sketch eval` does, without its command line: find the pairs, draw, score, write what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from most_sketch.checkpoints.find import BENCHMARK_WEIGHTS, trained_on
from most_sketch.device import resolve_device
from most_sketch.errors import InputError, did_you_mean
from most_sketch.evaluation.baselines import Method
from most_sketch.evaluation.columns import Column, choose_columns
from most_sketch.evaluation.measuring import EvalConfig, Instruments, Outputs, Watch, measure, watch_part
from most_sketch.evaluation.methods import BASELINES, Folder, Shared, baseline, names_of_weights, network
from most_sketch.evaluation.provenance import provenance
from most_sketch.evaluation.published import half_of
from most_sketch.evaluation.report import Case, render_report
from most_sketch.evaluation.results import Evaluation, to_csv
from most_sketch.evaluation.scoring import draw_one
from most_sketch.pairs.pairs import NoPairsError, Pair, find_pairs, hold_out
from most_sketch.photo.images import write_bytes

DEFAULT_DATA = Path("cufs")
SPLITS = ("all", "validation")


def evaluate(
    config: EvalConfig, weights: str | None, predictions: str | None, outputs: Outputs, watch: Watch
) -> Evaluation:
    """Score `weights` (a name, a file or a run's folder), or `predictions` (a folder or one of `BASELINES`).

    With neither, each half of Table I is drawn with the weights that were trained for it. Raises `InputError` or
    `WeightsError` in one line for anything that cannot be read, drawn or scored.
    """
    if weights is not None and predictions is not None:
        raise InputError("--weights and --predictions are two answers to one question; give one")
    columns = choose_columns(config.metrics)
    root, device = find_data(config.data), resolve_device(config.device)
    known, where = _pairs_in(root), root.resolve()
    pairs, rest = _split(known, config.split)
    method: Method
    drawing: Mapping[str, Sequence[Pair]] = {}
    if predictions is None:
        drawing = {weights: pairs} if weights else _benchmark(pairs, where)
        name = " and ".join(names_of_weights(list(drawing)))
        method = Shared([(network(each, config.style, device, config.offline), drawing[each]) for each in drawing])
    elif predictions in BASELINES:
        name, method = baseline(predictions, find_pairs(config.gallery) if config.gallery else rest)
    else:
        name, method = f"{Path(predictions).name}/", Folder(Path(predictions), pairs, known)
    _check_report(outputs, columns)
    outputs.check(pair.name for pair in pairs)
    instruments = Instruments.load(config, columns, device)
    measured = measure(pairs, method, instruments, config.batch_size, outputs.save, watch)
    seen = [_seen(chosen, drawn, config.offline) for chosen, drawn in drawing.items()]
    evaluation = Evaluation(
        name,
        where.name,
        config.split,
        measured.scores,
        instruments.metrics.missing,
        sum(count for count, _ in seen),
        all(known for _, known in seen),
        measured.identity,
        where.parent.name,
        {} if weights or predictions else {half: names_of_weights([it])[0] for half, it in BENCHMARK_WEIGHTS.items()},
        instruments.columns,
        measured.texture,
    )
    outputs.write_csv(to_csv(evaluation))
    _write_report(outputs, [evaluation], pairs, [method], list(drawing), device, config.offline)
    return evaluation


def compare(config: EvalConfig, runs: Sequence[str], outputs: Outputs, watch: Watch) -> list[Evaluation]:
    """Score several weights on the same pairs, in the order given; of `outputs` only the report is written.

    Raises like `evaluate`.
    """
    columns = choose_columns(config.metrics)
    root, device = find_data(config.data), resolve_device(config.device)
    pairs, _ = _split(_pairs_in(root), config.split)
    where = root.resolve()
    methods = [network(run, config.style, device, config.offline) for run in runs]
    _check_report(outputs, columns)
    outputs.check(pair.name for pair in pairs)
    instruments = Instruments.load(config, columns, device)
    evaluations = []
    for number, (run, name, method) in enumerate(zip(runs, names_of_weights(runs), methods, strict=True)):
        part = partial(watch_part, watch, number, len(runs))
        measured = measure(pairs, method, instruments, config.batch_size, None, part)
        seen = _seen(run, pairs, config.offline)
        evaluations.append(
            Evaluation(
                name,
                where.name,
                config.split,
                measured.scores,
                instruments.metrics.missing,
                *seen,
                measured.identity,
                where.parent.name,
                columns=instruments.columns,
                texture=measured.texture,
            )
        )
    _write_report(outputs, evaluations, pairs, methods, runs, device, config.offline)
    return evaluations


def is_unpaired(config: EvalConfig) -> bool:
    """Is the data photos alone, of which something is asked that needs no drawings of them?"""
    if config.data is None or not (config.identity or config.drawings):
        return False
    try:
        find_pairs(config.data)
    except NoPairsError:
        return True
    return False


def _pairs_in(root: Path) -> list[Pair]:
    try:
        return find_pairs(root)
    except NoPairsError as error:
        raise InputError(f"{error}; photos alone can be measured with --identity or --texture DRAWINGS") from error


def _benchmark(pairs: Sequence[Pair], where: Path) -> dict[str, list[Pair]]:
    """The weights for each half of Table I that pairs are of, with those pairs; `where` is the folder of all."""
    drawing: dict[str, list[Pair]] = {}
    for pair in pairs:
        half = half_of(pair.database, where.name, where.parent.name)
        drawing.setdefault(BENCHMARK_WEIGHTS[half], []).append(pair)
    return drawing


def _seen(weights: str, pairs: Sequence[Pair], offline: bool) -> tuple[int, bool]:
    """How many pairs the weights say that they were trained on, and whether they say all that they were."""
    trained = trained_on(weights, offline=offline)
    if trained is None:
        return 0, False
    return sum(trained.has(pair.photo) for pair in pairs), trained.complete


def find_data(data: Path | None) -> Path:
    """The folder of pairs, by default `cufs` in the working directory. Raises `InputError` if that is not there."""
    if data is None and not DEFAULT_DATA.is_dir():
        raise InputError(
            f"no --data given and no folder {DEFAULT_DATA} here; expected are photos and artists' sketches of equal "
            "names, such as cufs/cuhk/photos/f-005-01.jpg and cufs/cuhk/sketches/f-005-01.jpg, 200 x 250 pixels each"
        )
    return data or DEFAULT_DATA


def _split(pairs: Sequence[Pair], split: str) -> tuple[Sequence[Pair], Sequence[Pair]]:
    """The pairs to score, and those among which a nearest sketch may be looked for."""
    if split == "all":
        return pairs, pairs
    if split == "validation":
        training, validation = hold_out(pairs)
        return validation, training
    raise InputError(f"--split {split}: there are {', '.join(SPLITS)}{did_you_mean(split, SPLITS)}")


def _check_report(outputs: Outputs, columns: Sequence[Column]) -> None:
    if outputs.report and not any(column.of_pairs for column in columns):
        raise InputError("--report shows the best and the worst pair; add a metric of pairs to --metrics, such as ssim")


def _write_report(
    outputs: Outputs,
    evaluations: Sequence[Evaluation],
    pairs: Sequence[Pair],
    methods: Sequence[Method],
    weights: Sequence[str],
    device: torch.device,
    offline: bool,
) -> None:
    """If one is asked for: with the best, median and worst pair of the first method, drawn again, for only now is it
    known which they are."""
    if outputs.report is None:
        return
    cases = [
        Case(title, place, pairs[place], [draw_one(pairs[place], method, device) for method in methods])
        for title, place in evaluations[0].examples().items()
    ]
    made = provenance(outputs.command, weights, device, offline)
    write_bytes(outputs.report, render_report(evaluations, cases, made).encode())
