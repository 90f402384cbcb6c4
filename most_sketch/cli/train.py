"""`most-sketch train`: parse, make or find the run's folder, show how it goes."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from most_sketch.cli.help import INPUT, MACHINE, OUTPUT, TRAINING
from most_sketch.cli.options import AsJson, Device, Offline, Precision, Quiet
from most_sketch.cli.train_display import progress
from most_sketch.errors import InputError, did_you_mean
from most_sketch.terminal import say

if TYPE_CHECKING:
    from most_sketch.training.runs import Run, RunRecord


def train_command(
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Folder of the run: state, weights, log and sample sheets.", rich_help_panel=OUTPUT
        ),
    ],
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]DIR",
            help="Folder with photos/ and sketches/ at any depth. Repeat as NAME=DIR to train several styles "
            "together, each with its own memory. A single folder's style is named pencil.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run in --out from its last state. Where its data or backgrounds have moved, give "
            "--data or --backgrounds with it.",
            rich_help_panel=INPUT,
        ),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="ours|paper|pix2pix|cyclegan",
            help="The network and the settings to train it with. (default: ours; with --init the network that it has)",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    memory_refinement: Annotated[
        bool, typer.Option(help="Without: the paper's ablation.", rich_help_panel=TRAINING)
    ] = True,
    memory: Annotated[
        bool, typer.Option(help="Without: our ablation, a learnt constant in its place.", rich_help_panel=TRAINING)
    ] = True,
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Training steps.", rich_help_panel=TRAINING)
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Pairs in a step, of all processes together.", rich_help_panel=TRAINING),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Decides all that is random.", rich_help_panel=TRAINING)
    ] = None,
    perceptual: Annotated[
        str | None,
        typer.Option(
            metavar="vgg19|FILE|none",
            help="Backbone of style and content loss: torchvision's VGG-19, a safetensors file of a VGG-16 or "
            "VGG-19 in torchvision's names, or none. (default: vgg19)",
            rich_help_panel=INPUT,
        ),
    ] = None,
    backgrounds: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Pictures to put behind photos that are plain white there or have a mask.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHTS",
            help="What to begin with: an earlier run or weights. Styles of the same name keep their memories.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other setting of network, training or loss weights.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    train_list: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The pairs to train on, a name a line or FS2K's JSON; all others are held out.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    compile_: Annotated[
        bool | None,
        typer.Option("--compile/--no-compile", help="torch.compile. (default: on CUDA)", rich_help_panel=MACHINE),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Processes that make samples ahead of the steps. (default: none on a CPU, else by its cores)",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    offline: Offline = False,
    save_every: Annotated[
        int, typer.Option(metavar="N", min=1, help="Steps between checkpoints.", rich_help_panel=OUTPUT)
    ] = 100,
    validate_every: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Steps between validations and sample sheets.", rich_help_panel=OUTPUT),
    ] = 250,
    keep: Annotated[
        str,
        typer.Option(
            metavar="best:SCORE,last:N",
            help="Weights that stay beside the newest: the best by l1, ssim, fsim or lpips, and those of the last N "
            "checkpoints.",
            rich_help_panel=OUTPUT,
        ),
    ] = "",
    patience: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="End after N validations without a better score, that of --keep best or l1. (default: never)",
            rich_help_panel=TRAINING,
        ),
    ] = 0,
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard", help="Write all figures to tensorboard/ in the run's folder too.", rich_help_panel=OUTPUT
        ),
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train on paired photos and sketches. Ctrl-C saves; --resume goes on exactly.

    While it trains, report.html in the run's folder shows curves and the newest sketches of held-out pairs.

    On several GPUs: torchrun --nproc-per-node N -m most_sketch train ...
    """
    import torch

    from most_sketch.device import resolve_device
    from most_sketch.distribution import anywhere, process_group, rank
    from most_sketch.network.precision import choose_precision
    from most_sketch.pairs.lists import read_list
    from most_sketch.training.config import Keep
    from most_sketch.training.loop import train, workers_for
    from most_sketch.training.run_report import tensorboard_log
    from most_sketch.training.runs import Run
    from most_sketch.training.trainer import Execution

    run = Run(out)
    new = moved = None
    if resume:
        chosen = (model, batch_size, seed, perceptual, init, settings, train_list)
        if any(option is not None for option in chosen) or not (memory_refinement and memory):
            raise InputError(
                "--resume goes on with the run as it was begun; only --out, how to compute, what to keep, more "
                "--steps, and with --data and --backgrounds where the same pictures are now can be given"
            )
        record = run.record()
        if data or backgrounds:
            moved = _moved(record, data or [], backgrounds)
        if steps is not None:
            moved = _with_steps(moved or record, steps, run)
        total = (moved or record).train.steps
    else:
        options = {"steps": steps, "batch_size": batch_size, "seed": seed}
        values = {name: value for name, value in options.items() if value is not None} | _parse(settings or [])
        values |= {} if memory_refinement else {"memory_refinement": 0.0}
        values |= {} if memory else {"memory": False}
        new = _new_record(model, data or [], perceptual, backgrounds, init, values, offline)
        total = new.train.steps
    where = resolve_device(device)
    with ExitStack() as stack:
        keepers = [stack.enter_context(tensorboard_log(out / "tensorboard"))] if tensorboard else []
        own = stack.enter_context(process_group(where))
        # What is faster is measured by each rank, but all are to compute alike.
        dtype = choose_precision(precision, own).dtype
        dtype = torch.float32 if anywhere(dtype is torch.float32, own) else dtype
        compiled = own.type == "cuda" if compile_ is None else compile_
        stop = stack.enter_context(_stop_on_signal())
        if not quiet:
            keepers.append(stack.enter_context(progress(total, rank() == 0)))

        def report(step: int, scores: Mapping[str, float]) -> None:
            for keeper in keepers:
                keeper(step, scores)

        def tell(line: str) -> None:
            if not quiet:
                say(line)

        kept = Keep.parse(keep, patience)
        loading = workers_for(own) if workers is None else workers
        execution = Execution(own, dtype, compiled, save_every, validate_every, offline, kept, workers=loading)
        listed = read_list(train_list) if train_list else None
        scores = train(run, new, execution, report, lambda: stop.requested, tell, moved, listed)
        if rank() > 0:
            return
    if stop.requested:
        say(f"Stopped and saved. Go on with: most-sketch train --out {out} --resume")
        raise typer.Exit(130)
    if as_json:
        typer.echo(json.dumps({"outputs": [str(run.weights_file), str(run.report_file)], **scores}))
    if quiet or as_json:
        return
    for name, value in scores.items():
        say(f"{name.replace('_', ' ')}: {value:.4f}")
    say(f"Weights: {run.weights_file}")
    say(f"Report: {run.report_file}")


def _new_record(
    name: str | None,
    data: list[str],
    perceptual: str | None,
    backgrounds: Path | None,
    init: str | None,
    values: dict[str, Any],
    offline: bool,
) -> RunRecord:
    """The record of a new run: a preset, or the network it begins with, with `values` changed."""
    from most_sketch.pairs.pairs import find_pairs, frame_height
    from most_sketch.training.config import PRESETS, override
    from most_sketch.training.runs import RunRecord, network_of

    if name and name not in PRESETS:
        raise InputError(f"--model {name}: there are {', '.join(PRESETS)}{did_you_mean(name, PRESETS)}")
    if "styles" in values:
        raise InputError("--set styles: the styles are those of --data NAME=DIR")
    folders = _styles(data)
    model, train = PRESETS[name or "ours"]
    if init and not name:
        model = network_of(init, offline)
    frame = {"frame_height": frame_height(find_pairs(next(iter(folders.values())))[0])}
    model, train = override(model, train, frame | values | {"styles": list(folders)})
    if not (train.losses.style or train.losses.content):
        perceptual = "none"
    if init and Path(init).exists():
        init = str(Path(init).resolve())
    return RunRecord(model, train, folders, perceptual or "vgg19", backgrounds and backgrounds.resolve(), init)


def _styles(data: list[str]) -> dict[str, Path]:
    """Style names and folders from `DIR` or several `NAME=DIR`."""
    from most_sketch.checkpoints.styles import check_name

    if not data:
        raise InputError("--data is missing: a folder with photos/ and sketches/")
    folders: dict[str, Path] = {}
    for item in data:
        name, separator, folder = item.partition("=")
        if not separator:
            if len(data) > 1:
                raise InputError(f"--data {item}: with several folders each needs a style name, as NAME=DIR")
            name, folder = "pencil", item
        if name in folders:
            raise InputError(f"--data {item}: the style {name} is there twice")
        try:
            check_name(name)
        except ValueError as error:
            raise InputError(f"--data {item}: {error}") from error
        folders[name] = Path(folder).resolve()
        if not folders[name].is_dir():
            raise InputError(f"--data {item}: no such folder")
    return folders


def _moved(record: RunRecord, data: list[str], backgrounds: Path | None) -> RunRecord:
    """The record of a run whose folders lie elsewhere now: `DIR` for its only style, or some `NAME=DIR`."""
    folders = dict(record.data)
    for item in data:
        name, separator, folder = item.partition("=")
        if not separator and len(folders) == 1:
            name, folder = next(iter(folders)), item
        if name not in folders:
            raise InputError(
                f"--data {item}: the run has the styles {', '.join(folders)}; say NAME=DIR for one of them"
            )
        folders[name] = Path(folder).resolve()
    if backgrounds and not record.backgrounds:
        raise InputError("--backgrounds: the run was begun without; with --resume none can be added")
    return replace(record, data=folders, backgrounds=(backgrounds and backgrounds.resolve()) or record.backgrounds)


def _with_steps(record: RunRecord, steps: int, run: Run) -> RunRecord:
    """The record of a run that goes on for more steps."""
    state = run.load_state()
    done = 0 if state is None else int(state["step"])
    if steps < done:
        raise InputError(f"--steps {steps}: the run has done {done} already; with --resume it can only do more")
    return replace(record, train=replace(record.train, steps=steps))


def _parse(settings: list[str]) -> dict[str, Any]:
    """`NAME=VALUE` items to values as JSON reads them."""
    values: dict[str, Any] = {}
    for item in settings:
        name, separator, text = item.partition("=")
        try:
            values[name] = _value(text)
        except ValueError:
            separator = ""
        if not separator:
            raise InputError(f"--set {item}: expected NAME=VALUE with a number, a list of numbers, true, false or null")
    return values


def _value(text: str) -> Any:
    """What JSON reads, and numbers as people write them: `.9`."""
    try:
        return json.loads(text)
    except ValueError:
        return float(text)


@dataclass
class _Stop:
    requested: bool = False


@contextmanager
def _stop_on_signal() -> Iterator[_Stop]:
    """Turn the first Ctrl-C, SIGTERM or hang-up of the terminal into a request to stop after the step.

    The second Ctrl-C is immediate.
    """
    stop = _Stop()

    def request(number: int, _: FrameType | None) -> None:
        if stop.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.requested = True

    # Windows has no SIGHUP.
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, request) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
