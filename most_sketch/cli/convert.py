"""`most-sketch convert`: parse, plan, run the batch, report."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from most_sketch.cli.batch_report import BatchReport
from most_sketch.cli.help import DRAWING, INPUT, MACHINE, OUTPUT
from most_sketch.cli.options import (
    AsJson,
    Device,
    Engine,
    Finish,
    Framing,
    MinConfidence,
    Offline,
    Overwrite,
    Precision,
    Quiet,
    Weights,
)
from most_sketch.cli.parsing import cluster, face_count, height, positive
from most_sketch.errors import InputError
from most_sketch.terminal import say

if TYPE_CHECKING:
    from most_sketch.drawing.cluster import Cluster
    from most_sketch.drawing.jobs import Job
    from most_sketch.drawing.options import ModelSpec, Options
    from most_sketch.drawing.records import Record
    from most_sketch.network.config import ModelConfig

MAX_STREAM = 1 << 29
"""Bytes that are taken from standard input at most."""


def convert_command(
    inputs: Annotated[list[str], typer.Argument(metavar="PHOTO", help="Photos, folders or globs; - for stdin.")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            help="Where to write, - for stdout. (default: photo.sketch.png beside the photo)",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STYLE|FILE",
            help="A style of the weights, all, or a file of teach or owner/repo; may be repeated. "
            "(default: the weights' first)",
            rich_help_panel=DRAWING,
        ),
    ] = None,
    weights: Weights = None,
    align: Annotated[
        bool,
        typer.Option(
            "--align/--no-align", help="Find the face, or take the photo as already framed.", rich_help_panel=DRAWING
        ),
    ] = True,
    faces: Annotated[
        str,
        typer.Option(metavar="largest|all|N", help="Which faces; N is the N largest.", rich_help_panel=DRAWING),
    ] = "largest",
    min_confidence: MinConfidence = 0.9,
    size: Annotated[
        str,
        typer.Option(
            metavar="auto|N",
            help="Height of a sketch in pixels, 250 to 1250, or what suits the photo.",
            rich_help_panel=DRAWING,
        ),
    ] = "auto",
    framing: Framing = "portrait",
    finish: Finish = "fade",
    layout: Annotated[
        Literal["crop", "photo", "side-by-side"],
        typer.Option(
            metavar="crop|photo|side-by-side",
            help="The face alone, where it is in the photo on white paper, or beside the photo.",
            rich_help_panel=DRAWING,
        ),
    ] = "crop",
    name: Annotated[
        str | None,
        typer.Option(
            metavar="TEMPLATE",
            help="What sketches are called, such as {stem}.{style}.png; {face} and {size} too.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    format_: Annotated[
        Literal["png", "jpg", "webp", "tiff"] | None,
        typer.Option(
            "--format",
            metavar="png|jpg|webp|tiff",
            help="Of the sketches. (default: by the output's name, else png)",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    quality: Annotated[
        int, typer.Option(metavar="N", min=1, max=100, help="Of jpg and webp.", rich_help_panel=OUTPUT)
    ] = 90,
    recursive: Annotated[
        bool,
        typer.Option("--recursive", "-r", help="Search folders below folders too.", rich_help_panel=INPUT),
    ] = False,
    overwrite: Overwrite = False,
    batch_size: Annotated[
        str, typer.Option(metavar="auto|N", help="Faces drawn at once.", rich_help_panel=MACHINE)
    ] = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    engine: Engine = "auto",
    offline: Offline = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="local|auto|ADDRESS",
            help="Draw on a Ray cluster: a new one here, the one here, or it.",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    ray_workers: Annotated[
        str | None,
        typer.Option(
            metavar="MIN[-MAX]", help="How many. (default: 1 to one for each CPU or GPU)", rich_help_panel=MACHINE
        ),
    ] = None,
) -> None:
    """Draw the faces in photos as sketches."""
    ray_cluster = cluster(ray, ray_workers)
    if ray_cluster and engine == "onnx":
        raise typer.BadParameter("--ray draws with torch; leave --engine onnx out")
    count = face_count(faces)
    together = None if batch_size == "auto" else positive("--batch-size", batch_size)
    sketch_height = None if size == "auto" else height(size)
    if not align and faces != "largest":
        raise typer.BadParameter("--faces chooses among found faces; with --no-align none are looked for")
    wanted = tuple(dict.fromkeys(style or ()))
    several = len(wanted) > 1 or "all" in wanted
    if name is not None:
        _check_names(name, several, count != 1 and layout != "photo")
    changes = {*wanted, size, layout, framing} - {"auto", "crop", "portrait"}
    changes |= {"no-finish"} if finish == "none" else set()
    jobs, failures, notices = _plan(
        inputs,
        output,
        f".{format_}" if format_ else None,
        recursive,
        name,
        lambda word: word in changes or (count != 1 and word.isdecimal()),
    )
    if any(job.output is None for job in jobs):
        _check_stdout(several or (count != 1 and layout != "photo"), as_json)
        if ray_cluster:
            raise typer.BadParameter("--ray writes files; name a folder with -o")

    from most_sketch.checkpoints.find import DEFAULT_WEIGHTS, names_style_file
    from most_sketch.drawing.options import ModelSpec, Options

    files = tuple(filter(names_style_file, wanted))
    # Workers draw many photos: their start counts for nothing.
    network = ModelSpec(
        weights or DEFAULT_WEIGHTS, device, precision, offline, files, "torch" if ray_cluster else engine
    )
    options = partial(
        Options,
        name_styles=several,
        align=align,
        faces=count,
        number_faces=faces != "largest",
        min_confidence=min_confidence,
        framing=framing,
        finish=finish,
        layout=layout,
        quality=quality,
        overwrite=overwrite,
        batch_size=together,
        size=sketch_height,
    )
    report = BatchReport(len(jobs) + len(failures), as_json, quiet)
    # Pillow warns of strange tags and of sizes that we accept; errors say what matters.
    warnings.filterwarnings("ignore", module="PIL")
    with _sigterm_like_ctrl_c(), report:
        for notice in () if quiet else notices:
            say(notice)
        for failure in failures:
            report.add(failure)
        if jobs:
            with closing(_draw(jobs, options, wanted, network, ray_cluster, report)) as records:
                for record in records:
                    report.add(record)
    if report.failed:
        raise typer.Exit(1)


def _draw(
    jobs: list[Job],
    options: Callable[..., Options],
    wanted: tuple[str, ...],
    network: ModelSpec,
    cluster: Cluster | None,
    report: BatchReport,
) -> Generator[Record, None, None]:
    """What becomes of the photos; torch is imported only if one is to be drawn. Reports what comes before the first."""
    from most_sketch.drawing.records import all_skipped

    found = network.found()
    config = found.config()
    chosen = options(
        _styles(config, wanted, network.styles), usual_style=config.styles[0], sources=found.sources(config)
    )
    skipped = all_skipped(jobs, chosen)
    if skipped is not None:
        yield from skipped
    elif cluster is None:
        from most_sketch.drawing.batch import run

        if found.must_export(len(jobs)):
            report.exporting()
        sketcher = found.load(len(jobs))
        report.loaded()
        yield from run(sketcher, jobs, chosen)
    else:
        from most_sketch.drawing.cluster import run_on_ray

        report.loaded()
        yield from run_on_ray(jobs, chosen, network, cluster)


def _styles(config: ModelConfig, wanted: tuple[str, ...], files: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the styles to draw in; those in files are the config's last, in their order."""
    if "all" in wanted:
        return config.styles
    name_of = dict(zip(files, config.styles[len(config.styles) - len(files) :], strict=True))
    names = [config.styles[config.style_index(name_of.get(each, each))] for each in wanted]
    return tuple(dict.fromkeys(names)) or config.styles[:1]


def _plan(
    inputs: list[str],
    output: str | None,
    suffix: str | None,
    recursive: bool,
    name: str | None,
    may_be_tag: Callable[[str], bool],
) -> tuple[list[Job], list[Record], list[str]]:
    """The jobs, with standard input read; a record for each input that gives none; and what else is to be told."""
    from most_sketch.drawing.jobs import UsageError, plan
    from most_sketch.drawing.records import Record

    try:
        jobs, problems = plan(inputs, output, suffix, recursive, name=name, may_be_tag=may_be_tag)
    except UsageError as error:
        raise typer.BadParameter(str(error)) from error
    # Here and not in a worker thread, which Ctrl-C could not interrupt.
    jobs = [job if job.source else replace(job, content=_read_stdin()) for job in jobs]
    failures = [Record(problem.name, "failed", problem.reason) for problem in problems if not problem.harmless]
    return jobs, failures, [problem.reason for problem in problems if problem.harmless]


def _read_stdin() -> bytes:
    try:
        content = sys.stdin.buffer.read(MAX_STREAM + 1)
    except OSError as error:
        raise InputError(f"standard input: cannot be read ({error.strerror})") from error
    if len(content) > MAX_STREAM:
        raise InputError(f"standard input: more than the {MAX_STREAM >> 20} MiB that are accepted for one photo")
    return content


def _check_names(template: str, several_styles: bool, several_faces: bool) -> None:
    for several, field in ((several_styles, "style"), (several_faces, "face")):
        if several and f"{{{field}" not in template:
            raise typer.BadParameter(f"--name {template}: several {field}s would get one name; put {{{field}}} into it")


def _check_stdout(several: bool, as_json: bool) -> None:
    if several:
        raise typer.BadParameter("standard output takes one sketch; draw one face in one style, or name a folder")
    if as_json:
        raise typer.BadParameter("--json and the sketch cannot both go to standard output; name a file with -o")
    if sys.stdout.isatty():
        raise typer.BadParameter("the sketch would go to the terminal; name a file with -o")


@contextmanager
def _sigterm_like_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
