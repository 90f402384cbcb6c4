"""`most-sketch convert`: parse, plan, run the batch, report."""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
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
    finite,
)
from most_sketch.cli.parsing import cluster, face_count, height, positive
from most_sketch.errors import InputError
from most_sketch.terminal import say

if TYPE_CHECKING:
    from most_sketch.drawing.cluster import Cluster
    from most_sketch.drawing.jobs import Job
    from most_sketch.drawing.options import ModelSpec, Options
    from most_sketch.drawing.records import Record
    from most_sketch.drawing.sketcher import Sketcher
    from most_sketch.network.config import ModelConfig

Plan = tuple[list["Job"], list["Record"], list[str]]
"""Jobs, records of what gives none, and what else is to be told."""

LOOK_SECONDS = 1.0
"""Between two looks at a folder that is watched: a photo that was the same at both has stopped growing."""

MAX_STREAM = 1 << 29
"""Bytes that are taken from standard input at most."""


def convert_command(
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="PHOTO", help="Photos, folders or globs; - for stdin.")
    ] = None,
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
        Literal["png", "jpg", "webp", "tiff", "jxl", "svg", "pdf"] | None,
        typer.Option(
            "--format",
            metavar="png|jpg|webp|tiff|jxl|svg|pdf",
            help="Of the sketches. (default: by the output's name, else png)",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    quality: Annotated[
        int, typer.Option(metavar="N", min=1, max=100, help="Of jpg, webp and jxl.", rich_help_panel=OUTPUT)
    ] = 90,
    dpi: Annotated[
        int,
        typer.Option(metavar="N", min=50, max=2400, help="Dots per inch: how large on paper.", rich_help_panel=OUTPUT),
    ] = 300,
    page: Annotated[
        Literal["a4", "letter"], typer.Option(metavar="a4|letter", help="Of pdf.", rich_help_panel=OUTPUT)
    ] = "a4",
    margin: Annotated[
        float,
        typer.Option(metavar="MM", min=0, callback=finite, help="Of pages in pdf.", rich_help_panel=OUTPUT),
    ] = 15.0,
    transparent: Annotated[
        bool,
        typer.Option("--transparent", help="Ink alone, on no paper: png, webp, tiff, jxl.", rich_help_panel=OUTPUT),
    ] = False,
    strokes: Annotated[
        bool,
        typer.Option("--strokes", help="In svg lines for a plotter's pen, not shapes.", rich_help_panel=OUTPUT),
    ] = False,
    keep_metadata: Annotated[
        Literal["none", "some", "all"],
        typer.Option(
            metavar="[all]",
            help="Carry date, camera and copyright over, and the file's time; all: the place too.",
            rich_help_panel=OUTPUT,
        ),
    ] = "none",
    from_file: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Photos by a list, one a line or between null characters; - is stdin.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Go on with photos that come, until Ctrl-C.", rich_help_panel=INPUT),
    ] = False,
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
    one_each = not several and (count == 1 or layout == "photo")
    if name is not None:
        _check_names(name, several, count != 1 and layout != "photo")
    named = _inputs(inputs or [], from_file)
    book = _book(output, name, named, one_each)
    tags = {*wanted, size, layout, framing, "transparent", "strokes"} - {"auto", "crop", "portrait"}
    tags |= {"no-finish"} if finish == "none" else set()

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
        overwrite=overwrite or book is not None,
        batch_size=together,
        size=sketch_height,
        dpi=dpi,
        transparent=transparent,
        keep_metadata=keep_metadata,
        strokes=strokes,
        page=page,
        margin=margin,
    )
    with ExitStack() as stack:
        pages = stack.enter_context(TemporaryDirectory()) if book else ""
        plan_again = partial(
            _plan,
            named,
            f"{pages}{os.sep}" if book else output,
            ".png" if book else f".{format_}" if format_ else None,
            recursive,
            name,
            lambda word: word in tags or (count != 1 and word.isdecimal()),
        )
        jobs, failures, notices = plan_again()
        if any(job.output is None for job in jobs):
            _check_stdout(not one_each, as_json)
            if ray_cluster:
                raise typer.BadParameter("--ray writes files; name a folder with -o")
        _check_form({".pdf"} if book else {job.suffix for job in jobs}, layout, transparent, strokes)
        if watch and (ray_cluster or book or any(job.source is None for job in jobs)):
            raise typer.BadParameter("--watch goes with folders and files that come, on this machine")
        # Pillow warns of strange tags and of sizes that we accept; errors say what matters.
        warnings.filterwarnings("ignore", module="PIL")
        stack.enter_context(_sigterm_like_ctrl_c())
        report = BatchReport(len(jobs) + len(failures), as_json, quiet, watch)
        stack.enter_context(report)
        for notice in () if quiet else notices:
            say(notice)
        for failure in failures:
            if watch:
                say(failure.reason)  # such as a folder that is empty still
            else:
                report.add(failure)
        drawer = _Drawer(options, wanted, network, ray_cluster, report)
        if watch:
            _watch(drawer, plan_again, report)
        elif book and jobs:
            _draw_book(drawer, jobs, book, overwrite, report)
        elif jobs:
            drawer.draw(jobs, report.add)
    if report.failed:
        raise typer.Exit(1)


class _Drawer:
    """Draws jobs; the network is loaded once, and torch imported only if one is to be drawn."""

    def __init__(
        self,
        options: Callable[..., Options],
        wanted: tuple[str, ...],
        network: ModelSpec,
        cluster: Cluster | None,
        report: BatchReport,
    ) -> None:
        self._make_options = options
        self._wanted = wanted
        self._network = network
        self._cluster = cluster
        self._report = report
        self._sketcher: Sketcher | None = None

    @cached_property
    def _found(self) -> ModelSpec:
        return self._network.found()

    @cached_property
    def options(self) -> Options:
        config = self._found.config()
        styles = _styles(config, self._wanted, self._network.styles)
        return self._make_options(styles, usual_style=config.styles[0], sources=self._found.sources(config))

    def draw(self, jobs: list[Job], tell: Callable[[Record], None]) -> None:
        """Tell what becomes of each photo."""
        with closing(self._draw(jobs)) as records:
            for record in records:
                tell(record)

    def _draw(self, jobs: list[Job]) -> Generator[Record, None, None]:
        from most_sketch.drawing.records import all_skipped

        skipped = all_skipped(jobs, self.options)
        if skipped is not None:
            yield from skipped
        elif self._cluster is None:
            from most_sketch.drawing.batch import run

            if self._sketcher is None:
                if self._found.must_export(len(jobs)):
                    self._report.exporting()
                self._sketcher = self._found.load(len(jobs))
            self._report.loaded()
            yield from run(self._sketcher, jobs, self.options)
        else:
            from most_sketch.drawing.cluster import run_on_ray

            self._report.loaded()
            yield from run_on_ray(jobs, self.options, self._network, self._cluster)


def _watch(drawer: _Drawer, plan_again: Callable[[], Plan], report: BatchReport) -> None:
    """Draw what comes, until Ctrl-C."""
    from most_sketch.drawing.watch import watched

    def look() -> list[Job]:
        try:
            return plan_again()[0]
        except InputError as error:
            if not report.told(str(error)):
                say(f"most-sketch: {error}")
            return []

    report.watching()
    with suppress(KeyboardInterrupt):
        for jobs in watched(look, lambda: time.sleep(LOOK_SECONDS)):
            drawer.draw(jobs, report.add)


def _draw_book(drawer: _Drawer, jobs: list[Job], book: str, overwrite: bool, report: BatchReport) -> None:
    """Draw all photos into one PDF, a page for each sketch, in the order of the photos."""
    from most_sketch.drawing.files import book_of
    from most_sketch.drawing.stores import exists, is_as_written, location, write

    place = location(book)
    if exists(place) and not overwrite and not is_as_written(place):
        raise InputError(f"{book}: is there already, and not as most-sketch wrote it; replace it with --overwrite")
    drawn: list[Record] = []

    def note(record: Record) -> None:
        drawn.append(record)
        report.add(replace(record, outputs=(place,) if record.outputs else ()))

    drawer.draw(jobs, note)
    order = {job.name: number for number, job in enumerate(jobs)}
    drawn.sort(key=lambda record: order[record.name])
    sketches = [path for record in drawn for path in record.outputs]
    if sketches:
        write(place, book_of(sketches, drawer.options))


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
) -> Plan:
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


def _inputs(inputs: list[str], from_file: str | None) -> list[str]:
    """What is named on the command line and in a list."""
    if from_file is None:
        if not inputs:
            raise typer.BadParameter("name a photo or a folder, or a list of them with --from-file")
        return inputs
    if from_file == "-":
        if "-" in inputs:
            raise typer.BadParameter("standard input is a photo or a list, not both")
        content = _read_stdin()
    else:
        try:
            content = Path(from_file).read_bytes()
        except OSError as error:
            raise InputError(f"{from_file}: cannot be read ({error.strerror or error})") from error
    lines = content.split(b"\0") if b"\0" in content else content.splitlines()
    listed = [os.fsdecode(line) for line in lines if line.strip()]
    if not listed and not inputs:
        raise InputError(f"{'standard input' if from_file == '-' else from_file}: names no photo")
    return [*inputs, *listed]


def _book(output: str | None, name: str | None, inputs: list[str], one_each: bool) -> str | None:
    """The PDF that all sketches go into, if `-o` names one and there may be several."""
    from most_sketch.drawing.jobs import may_be_many

    if output is None or name is not None or not output.lower().endswith(".pdf"):
        return None
    return None if one_each and len(inputs) == 1 and not may_be_many(inputs[0]) else output


def _check_form(suffixes: set[str], layout: str, transparent: bool, strokes: bool) -> None:
    from most_sketch.photo.ink import SEE_THROUGH

    if transparent and (suffixes - SEE_THROUGH or layout == "side-by-side"):
        raise typer.BadParameter(f"--transparent is for {', '.join(sorted(SEE_THROUGH))}, and no --layout side-by-side")
    if strokes and suffixes - {".svg"}:
        raise typer.BadParameter("--strokes is for svg; name one with -o, or give --format svg")
    if ".svg" in suffixes and layout == "side-by-side":
        raise typer.BadParameter("svg holds a sketch alone; leave --layout side-by-side out")


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
