"""One self-contained HTML page about an evaluation: table, charts, the best, median and worst sketch."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template

from PIL import Image

from most_sketch import __version__
from most_sketch.evaluation.charts import Bar, bar_chart, strip_chart
from most_sketch.evaluation.columns import COLUMNS, show
from most_sketch.evaluation.published import TABLE_I
from most_sketch.evaluation.results import Evaluation, PairScore
from most_sketch.evaluation.table import notes
from most_sketch.pairs.pairs import Pair
from most_sketch.photo.images import read_image


@dataclass(frozen=True)
class Case:
    """A pair to be shown, with what was drawn of it."""

    title: str
    score: PairScore
    pair: Pair
    sketch: Image.Image


def render_report(evaluation: Evaluation, cases: Sequence[Case]) -> str:
    """The whole page as text; it loads nothing from anywhere."""
    template = Template(files("most_sketch.evaluation").joinpath("report.html").read_text(encoding="utf-8"))
    count, databases = len(evaluation.scores), evaluation.databases
    sizes = sorted({score.size for score in evaluation.scores})
    return template.substitute(
        method=escape(evaluation.method),
        subtitle=escape(
            f"{count} {'pair' if count == 1 else 'pairs'} of {evaluation.data} "
            f"({evaluation.split}: {', '.join(databases)}), scored at "
            f"{', '.join(f'{width} x {height}' for width, height in sizes[:3])}{' …' if len(sizes) > 3 else ''} "
            "in 8-bit grey, nothing padded, resized or smoothed"
        ),
        figures=_figures(evaluation),
        headings="".join(f'<th scope="col">{escape(column.heading)}</th>' for column in COLUMNS),
        own_rows=_own_rows(evaluation),
        published_title=escape(f"Published, {evaluation.published_set} test pairs (Table I of the paper)"),
        span=len(COLUMNS) + 2,
        published_rows=_published_rows(evaluation),
        notes="".join(f"<p>{escape(line)}</p>" for line in notes(evaluation)),
        bars=_bars(evaluation),
        judge=escape(evaluation.judge.title),
        cases="".join(_case(case, evaluation) for case in cases),
        strips=_strips(evaluation),
        version=escape(__version__),
    )


def _figures(evaluation: Evaluation) -> str:
    return "".join(
        f"<div><dt>{escape(column.heading)}</dt><dd>{show(evaluation.mean(column.key))}</dd></div>"
        for column in evaluation.measured
    )


def _own_rows(evaluation: Evaluation) -> str:
    databases: list[str | None] = [None]
    if len(evaluation.databases) > 1:
        databases += evaluation.databases
    rows = []
    for database in databases:
        label, kind = (evaluation.method, "overall") if database is None else (database, "part")
        cells = "".join(_cell(evaluation.mean(column.key, database), "n/a") for column in COLUMNS)
        count = len(evaluation.of(database))
        rows.append(f'<tr class="{kind}"><th scope="row">{escape(label)}</th><td>{count}</td>{cells}</tr>')
    return "".join(rows)


def _published_rows(evaluation: Evaluation) -> str:
    rows = []
    for row in TABLE_I[evaluation.published_set]:
        cells = "".join(_cell(row.by_key.get(column.key), "") for column in COLUMNS)
        rows.append(f'<tr><th scope="row">{escape(row.method)}</th><td></td>{cells}</tr>')
    return "".join(rows)


def _cell(value: float | None, absent: str) -> str:
    return f'<td class="absent">{absent}</td>' if value is None else f"<td>{show(value)}</td>"


def _bars(evaluation: Evaluation) -> str:
    """A chart for each column that both we and the paper have."""
    charts = []
    for column in evaluation.measured:
        mean = evaluation.mean(column.key)
        published = [
            Bar(row.method, value, own=False)
            for row in TABLE_I[evaluation.published_set]
            if (value := row.by_key.get(column.key)) is not None
        ]
        if mean is not None and published:
            bars = [Bar(evaluation.method, mean, own=True), *published]
            chart = bar_chart(f"{column.title} of all methods", bars, column.higher_is_better)
            charts.append(_figure(column.heading, chart))
    return "".join(charts)


def _strips(evaluation: Evaluation) -> str:
    charts = []
    for column in evaluation.measured:
        groups = [
            (database, [score.values[column.key] for score in evaluation.of(database)])
            for database in evaluation.databases
        ]
        charts.append(_figure(column.heading, strip_chart(f"{column.title} of every pair", groups)))
    return "".join(charts)


def _figure(caption: str, chart: str) -> str:
    return f"<figure><figcaption>{escape(caption)}</figcaption>{chart}</figure>"


def _case(case: Case, evaluation: Evaluation) -> str:
    pictures = (
        ("photo", read_image(case.pair.photo)),
        ("artist", read_image(case.pair.sketch)),
        ("drawn", case.sketch),
    )
    shown = "".join(
        f'<figure><img src="{_inline(picture)}" width="{picture.width}" height="{picture.height}" '
        f'alt="{label}: {escape(case.score.name)}"><figcaption>{label}</figcaption></figure>'
        for label, picture in pictures
    )
    values = " · ".join(f"{column.title} {show(case.score.values[column.key])}" for column in evaluation.measured)
    return (
        f'<article><h3>{case.title} <span>{escape(case.pair.name)}</span></h3><div class="trio">{shown}</div>'
        f"<p>{escape(values)}</p></article>"
    )


def _inline(picture: Image.Image) -> str:
    """A picture as a data address. PNG: a report on scores must not add artefacts of its own."""
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
