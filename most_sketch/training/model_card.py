"""The model card of a finished training run, from its own record and log, and of a style that was taught."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS
from most_sketch.checkpoints.styles import StyleInfo
from most_sketch.config import to_dict
from most_sketch.errors import WeightsError
from most_sketch.training.runs import Run, RunRecord
from most_sketch.training.trainer import LOG_EVERY

LICENCE_NOTE = (
    "The weights were trained on the pictures named above, and what their owners allow is all that these weights "
    "may be used for. Photos of people are their own: ask before you draw them."
)
TEMPLATE = """\
---
license: {licence}
library_name: most-sketch
pipeline_tag: image-to-image
tags:
- face-sketch-synthesis
- style-transfer
- most-net
---

# {repository}

Hand-drawn face sketches from photos, in {styles}, by {network}.

```sh
most-sketch convert photo.jpg --weights {repository}
```

## Training

{steps} steps with batches of {batch_size}, seed {seed}, on pairs of photo and sketch:

{data}

{hold_out} {init} {about}

{settings}

## Figures

{figures}

## Licence

{note}

## Paper

Ji, Sun, Qi, Li, Sun: *MOST-Net: A Memory Oriented Style Transfer Network for Face Sketch Synthesis*, 2022,
[arXiv:2202.03596](https://arxiv.org/abs/2202.03596).
"""
STYLE_TEMPLATE = """\
---
license: {licence}
library_name: most-sketch
pipeline_tag: image-to-image
tags:
- face-sketch-synthesis
- style-transfer
- most-net
---

# {repository}

A style of hand-drawn face sketches, {name}{description}, for the weights `{weights}` of most-sketch.

```sh
most-sketch convert photo.jpg{with_weights} --style {repository}
```

## Teaching

The style was taught to weights with the SHA-256 checksum `{sha256}`, of which alone it is of use, by `most-sketch
teach` from {pairs} ({made}). {about}

## Licence

{note}
"""
STYLE_NOTE = (
    "The style was taken from drawings, and what their artist and the people in the photos allow is all that it may be "
    "used for. Photos of people are their own: ask before you draw them."
)
NETWORKS = {"most-net": "MOST-Net", "pix2pix": "Pix2Pix, a baseline", "cyclegan": "CycleGAN, a baseline"}


def model_card(run: Run, repository: str, licence: str = "other", about: str = "") -> str:
    """The card, in Markdown with the Hub's metadata.

    `licence` is one of the Hub's identifiers; `about` says of the pictures what the record does not know.

    Raises `InputError` if there is no run, `WeightsError` if it is damaged or has not been trained to its end.
    """
    record, log = run.record(), run.read_log()
    train = record.train
    done = log[-1]["step"] if log else 0
    # The last steps need not be in the log, which has every tenth and the last validation.
    if done + LOG_EVERY <= train.steps:
        raise WeightsError(
            f"{run.folder}: only {done} of {train.steps} steps are done; "
            f"go on with: most-sketch train --out {run.folder} --resume"
        )
    hold_out = f"One pair in {train.hold_out} was held out." if train.hold_out else "No pairs were held out."
    return TEMPLATE.format(
        licence=json.dumps(licence),
        repository=repository,
        styles=" and ".join(record.model.styles),
        network=NETWORKS[record.model.architecture],
        steps=train.steps,
        batch_size=train.batch_size,
        seed=train.seed,
        # The folder's name alone: where it lies says more about the machine than about the weights.
        data="\n".join(f"- {style}: `{folder.name}`" for style, folder in record.data.items()),
        hold_out=hold_out,
        init=f"Training began with the networks of `{Path(record.init).name}`." if record.init else "",
        about=about,
        settings=_settings(record),
        figures=_figures(log),
        note=LICENCE_NOTE,
    )


def style_card(style: StyleInfo, repository: str, licence: str = "other", about: str = "") -> str:
    """The card of a style that was taught, as `model_card`."""
    return STYLE_TEMPLATE.format(
        licence=json.dumps(licence),
        repository=repository,
        name=style.name,
        description=f" ({style.description})" if style.description else "",
        weights=style.weights,
        with_weights="" if style.weights == DEFAULT_WEIGHTS else f" --weights {style.weights}",
        sha256=style.sha256,
        pairs="one pair" if style.pairs == 1 else f"{style.pairs} pairs",
        made=style.made,
        about=about,
        note=STYLE_NOTE,
    )


def _settings(record: RunRecord) -> str:
    settings = json.dumps({"model": to_dict(record.model), "train": to_dict(record.train)}, indent=2)
    return f"<details><summary>All settings</summary>\n\n```json\n{settings}\n```\n\n</details>"


def _figures(log: list[dict[str, Any]]) -> str:
    """The scores of the last validation, which has the most metrics, as a table."""
    scores: Mapping[str, float] = {}
    for line in log:
        validation = {name: value for name, value in line.items() if name.startswith("validation_")}
        scores = validation or scores
    if not scores:
        return "The run had no held-out pairs to score."
    rows = [f"| {name.removeprefix('validation_')} | {value:.4f} |" for name, value in scores.items()]
    return "\n".join(["Means over the held-out pairs:", "", "| metric | score |", "| --- | --- |", *rows])
