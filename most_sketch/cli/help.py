"""How `--help` looks: options in groups, examples below. Plain text; boxes would take a third of its time."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

INPUT, OUTPUT, DRAWING, PAIRS, TRAINING, MACHINE = "Input", "Output", "Drawing", "Pairs", "Training", "Machine"
GENERAL = "General"
PANELS = (INPUT, OUTPUT, DRAWING, PAIRS, TRAINING, MACHINE, GENERAL)
"""The groups of options, in the order in which a command shows those that it has."""

EXAMPLES = {
    "convert": (
        "convert photo.jpg -o sketch.png",
        "convert photos/ -r -o sketches/ --style ink",
    ),
    "styles": (
        "styles",
        "styles photo.jpg -o styles.png",
    ),
    "prepare": (
        "prepare unaligned/ pairs/",
        "prepare scans/ pairs/ --scale 2 --fit",
    ),
    "train": (
        "train --data pairs/ --out runs/mine",
        "train --out runs/mine --resume",
    ),
    "teach": (
        "teach pairs/ --name mine -o mine.safetensors",
        "teach scans/ --name mine -o mine.safetensors --sheet sheet.png",
    ),
    "eval": (
        "eval --data pairs/ --weights runs/mine --split validation",
        "eval --data pairs/ --predictions sketches/ --report report.html",
    ),
    "demo": (
        "demo",
        "demo --save site --weights most-net",
    ),
    "bench": (
        "bench",
        "bench --weights runs/mine --device cpu --json",
    ),
    "export": (
        "export",
        "export runs/mine -o onnx/",
    ),
    "weights list": (
        "weights list",
        "weights list --json",
    ),
    "weights info": (
        "weights info most-net",
        "weights info runs/mine --json",
    ),
    "weights average": (
        "weights average runs/a runs/b -o mean.safetensors",
        "weights average runs/a runs/b runs/b -o mean.safetensors",
    ),
    "weights pull": (
        "weights pull owner/repo",
        "weights pull owner/repo@v1:ink.safetensors",
    ),
    "weights verify": (
        "weights verify",
        "weights verify most-net",
    ),
    "weights push": (
        "weights push owner/repo --run runs/mine --private",
        "weights push owner/repo --run runs/mine --licence mit --tag v1",
    ),
}
"""What to show below the help of each command."""


OPTIONAL_VALUES = {"--keep-metadata": (("all", "some", "none"), "some")}
"""Options that may stand without a value: the values that they know, and the one they mean then."""


class Command(TyperCommand):
    """A command whose help has its options in the order of `PANELS`, and `EXAMPLES`."""

    # Typer has no options whose value may be left out.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        for place, word in enumerate(args[:end]):
            values, usual = OPTIONAL_VALUES.get(word, ((), ""))
            if values and (args[place + 1 : place + 2] or [""])[0] not in values:
                args[place] = f"{word}={usual}"
        return list(super().parse_args(ctx, args))

    # Typer's own types are Click's or its copy of it, by its version.
    def format_options(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {panel: [] for panel in PANELS}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                argument = param.param_type_name == "argument"
                panel = getattr(param, "rich_help_panel", None) or (INPUT if argument else GENERAL)
                # Typer would put Python's type behind an argument's name.
                groups[panel].append((param.metavar or record[0], record[1]) if argument else record)
        for panel, records in groups.items():
            if records:
                with formatter.section(panel):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        program, _, name = ctx.command_path.partition(" ")
        with formatter.section("Examples"):
            for example in EXAMPLES[name]:
                formatter.write(f"  {program} {example}\n")
