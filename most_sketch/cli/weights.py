"""`most-sketch weights`: what weights there are, and to and from the Hub. No torch at import."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from most_sketch.cli.help import INPUT, OUTPUT, Command
from most_sketch.cli.options import WEIGHTS_HELP, AsJson, Offline, Overwrite, Quiet, keep_existing
from most_sketch.errors import WeightsError
from most_sketch.terminal import say

if TYPE_CHECKING:
    from most_sketch.checkpoints.manifest import Entry

Name = Annotated[str, typer.Argument(metavar="WEIGHTS", help=WEIGHTS_HELP)]

weights_app = typer.Typer(no_args_is_help=True, help="List, check, fetch and publish weights.")


@weights_app.command("list", cls=Command)
def list_command(as_json: AsJson = False) -> None:
    """The weights that go by a name, and where they are."""
    from most_sketch.checkpoints.manifest import read_manifest

    rows = [asdict(entry) | {"where": _where(entry)} for entry in read_manifest().values()]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    lines = [("NAME", "SIZE", "WHERE", "LICENCE")]
    lines += [(row["name"], _megabytes(row["size"]), row["where"], row["licence"]) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for name, size, *rest in lines:
        cells = [name.ljust(widths[0]), size.rjust(widths[1]), *map(str.ljust, rest, widths[2:])]
        typer.echo("  ".join(cells).rstrip())


@weights_app.command("info", cls=Command)
def info_command(name: Name, as_json: AsJson = False) -> None:
    """What weights, or a style that was taught, are, without a connection."""
    from most_sketch.checkpoints.find import find_weights
    from most_sketch.checkpoints.header import is_style
    from most_sketch.checkpoints.hub import Hub

    path = Path(name) if Path(name).is_file() else find_weights(name, Hub(offline=True))
    facts = _style_facts(name, path) if is_style(path) else _weights_facts(name, path)
    if as_json:
        typer.echo(json.dumps(facts))
        return
    facts.pop("config", None)
    facts["size"] = _megabytes(facts["size"])
    if "parameters" in facts:
        facts["parameters"] = f"{facts['parameters']:,}"
    width = max(map(len, facts))
    for key, value in facts.items():
        typer.echo(f"{key.replace('_', ' '):{width}}  {_text(value)}".rstrip())


def _weights_facts(name: str, path: Path) -> dict[str, Any]:
    from most_sketch.checkpoints.find import trained_on
    from most_sketch.checkpoints.header import read_header
    from most_sketch.checkpoints.manifest import checksum, read_manifest
    from most_sketch.config import to_dict

    header = read_header(path)
    facts: dict[str, Any] = {"name": name, "file": str(path), "size": header.size, "sha256": checksum(path)}
    if name in (manifest := read_manifest()):
        facts |= {key: value for key, value in asdict(manifest[name]).items() if key not in facts}
    facts |= {"styles": header.config.styles, "parameters": header.parameters, "types": sorted(header.dtypes)}
    if header.hold_out is not None:
        facts["hold_out"] = header.hold_out
    facts.pop("trained", None)
    if (trained := trained_on(name, offline=True)) is not None:
        facts["trained_photos"] = len(trained.photos)
    return facts | {"config": to_dict(header.config)}


def _style_facts(name: str, path: Path) -> dict[str, Any]:
    from most_sketch.checkpoints.manifest import checksum
    from most_sketch.checkpoints.styles import read_style_info

    info = read_style_info(path)
    facts = {"name": name, "file": str(path), "size": path.stat().st_size, "sha256": checksum(path)}
    facts |= {"style": info.name, "description": info.description, "taught_from_pairs": info.pairs, "made": info.made}
    return facts | {"of_weights": info.weights, "of_weights_sha256": info.sha256}


@weights_app.command("average", cls=Command, short_help="The mean of weights of one training.")
def average_command(
    names: Annotated[
        list[str],
        typer.Argument(metavar="WEIGHTS", help=f"Two or more. {WEIGHTS_HELP} One named twice counts twice."),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="Where the mean is written.", rich_help_panel=OUTPUT),
    ],
    overwrite: Overwrite = False,
    offline: Offline = False,
    as_json: AsJson = False,
) -> None:
    """The mean of weights of one training at different times: smoother than each."""
    from torch import float16

    from most_sketch.checkpoints.find import held_out, trained_on
    from most_sketch.checkpoints.trained import joined
    from most_sketch.checkpoints.weights import average_weights, save_weights

    if len(names) < 2:
        raise WeightsError("one file has no mean; name two or more")
    keep_existing(output, overwrite)
    networks = average_weights(names, offline=offline)
    # What one of them has seen, the mean has seen.
    parts = {held_out(name, offline=offline) for name in set(names)}
    if len(parts) == 1:
        (together,) = parts
    else:
        together = None if None in parts and 0 not in parts else 0
    trained = joined([trained_on(name, offline=offline) for name in dict.fromkeys(names)])
    save_weights(output, networks, float16, together, trained)
    typer.echo(json.dumps({"outputs": [str(output)]}) if as_json else output)


@weights_app.command("pull", cls=Command, short_help="Download weights, to use them offline.")
def pull_command(name: Name, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Download weights, or a newer state of them, to use them offline; print where they are.

    A style that was taught is owner/repo:style.safetensors.
    """
    from most_sketch.checkpoints.find import address_of, bundled_weights, find_weights
    from most_sketch.checkpoints.header import is_style
    from most_sketch.checkpoints.hub import Address, Hub
    from most_sketch.checkpoints.manifest import check, read_manifest
    from most_sketch.checkpoints.styles import read_style
    from most_sketch.checkpoints.weights import load_weights

    entry = read_manifest().get(name)
    address = address_of(entry) if entry else Address.parse(name)
    if name in bundled_weights() or address is None:
        path = find_weights(name)
        if not quiet:
            say(f"{name}: is on this machine already")
    else:
        _show_progress(not quiet)
        path = Hub().download(address)
        if entry:
            check(path, entry)
    # What cannot be used should come out now, not when there is no network any more.
    if is_style(path):
        read_style(path)
    else:
        load_weights(path)
    typer.echo(json.dumps({"outputs": [str(path)]}) if as_json else path)


@weights_app.command("verify", cls=Command, short_help="Compare weights with their checksums.")
def verify_command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="WEIGHTS", help=f"{WEIGHTS_HELP} (default: all that are here)")
    ] = None,
) -> None:
    """Compare weights on this machine with their checksums, and load them. Exit code 1 if any is damaged."""
    from most_sketch.checkpoints.manifest import read_manifest
    from most_sketch.checkpoints.weights import load_weights

    here = [name for name, entry in read_manifest().items() if _where(entry) != "on the Hub"]
    failures = 0
    for name in names or here:
        try:
            load_weights(name, offline=True)
            typer.echo(f"{name}: good")
        except WeightsError as error:
            failures += 1
            say(f"most-sketch: error: {error}")
    if not names and not here:
        raise WeightsError("no weights on this machine; get some with: most-sketch weights pull NAME")
    if failures:
        raise typer.Exit(1)


@weights_app.command("push", cls=Command, short_help="Upload the weights of a finished run, or a style.")
def push_command(
    repository: Annotated[str, typer.Argument(metavar="OWNER/REPO", help="Repository on the Hub; made if need be.")],
    run_folder: Annotated[
        Path | None,
        typer.Option("--run", metavar="DIR", help="Folder of the finished training run.", rich_help_panel=INPUT),
    ] = None,
    style: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A style of teach, instead of a run.", rich_help_panel=INPUT),
    ] = None,
    licence: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="Of the weights, as the Hub calls it, such as mit or cc-by-nc-4.0.",
            rich_help_panel=OUTPUT,
        ),
    ] = "other",
    about: Annotated[
        str,
        typer.Option(metavar="TEXT", help="For the card: what pictures these are, and whose.", rich_help_panel=OUTPUT),
    ] = "",
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository private.", rich_help_panel=OUTPUT)
    ] = False,
    tag: Annotated[
        str | None,
        typer.Option(metavar="TAG", help="Tag the state that was pushed, as v1.0.0.", rich_help_panel=OUTPUT),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Upload the weights of a finished run with a model card made from its record and log; or a style with its card."""
    from most_sketch.checkpoints.hub import HUB_FILE, STYLE_FILE, Address, Hub
    from most_sketch.checkpoints.styles import read_style
    from most_sketch.checkpoints.weights import load_weights
    from most_sketch.training.model_card import model_card, style_card
    from most_sketch.training.runs import Run

    if (run_folder is None) == (style is None):
        raise typer.BadParameter("what is to be uploaded is named by --run or by --style, one of them")
    address = Address.parse(repository)
    if address is None or str(address) != repository or address != Address(address.repository):
        raise WeightsError(f"{repository}: not the name of a repository; expected owner/repo")
    files: dict[str, bytes | Path] = {}
    if run_folder is not None:
        run = Run(run_folder)
        card = model_card(run, repository, licence, about)
        load_weights(run.weights_file)
        files[HUB_FILE] = run.weights_file
    if style is not None:
        card = style_card(read_style(style).info, repository, licence, about)
        files[STYLE_FILE] = style
    _show_progress(not quiet)
    what = "Weights" if run_folder is not None else "Style"
    files["README.md"] = card.encode()
    pushed = Hub().push(repository, files, f"{what} and model card", private=private, tag=tag)
    typer.echo(json.dumps({"outputs": [pushed]}) if as_json else pushed)


def _where(entry: Entry) -> str:
    from most_sketch.checkpoints.find import address_of, bundled_weights
    from most_sketch.checkpoints.hub import Hub

    if entry.name in bundled_weights():
        return "bundled"
    try:
        return "cached" if Hub().cached(address_of(entry)) else "on the Hub"
    except WeightsError:
        return "damaged"


def _show_progress(wanted: bool) -> None:
    """Keep the library's progress bars out of logs and pipes, and out of sight if they are not wanted."""
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not wanted or not sys.stderr.isatty():
        disable_progress_bars()


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
