"""One self-contained HTML page about one or several methods: table, charts, the best, median and worst sketch."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import product
from string import Template

from PIL import Image

from most_sketch.evaluation.charts import Bar, bar_chart, strip_chart
from most_sketch.evaluation.columns import IDENTITY_COLUMNS, Column, show
from most_sketch.evaluation.provenance import Provenance
from most_sketch.evaluation.published import TABLE_I
from most_sketch.evaluation.results import Evaluation, identity_rows
from most_sketch.evaluation.table import notes
from most_sketch.pairs.pairs import Pair
from most_sketch.photo.images import read_image


@dataclass(frozen=True)
class Case:
    """A pair to be shown, with what each method drew of it."""

    title: str
    place: int
    """In the scores of every evaluation."""
    pair: Pair
    sketches: Sequence[Image.Image]


def render_report(evaluations: Sequence[Evaluation], cases: Sequence[Case], made: Provenance) -> str:
    """The whole page, on one or several methods that were scored on the same pairs, as text; it loads nothing."""
    template = Template(files("most_sketch.evaluation").joinpath("report.html").read_text(encoding="utf-8"))
    first = evaluations[0]
    count = len(first.scores)
    sizes = sorted({score.size for score in first.scores})
    lines = dict.fromkeys(line for evaluation in evaluations for line in notes(evaluation))
    return template.substitute(
        method=escape(", ".join(evaluation.method for evaluation in evaluations)),
        seen=_seen(evaluations),
        subtitle=escape(
            f"{count} {'pair' if count == 1 else 'pairs'} of {first.data} "
            f"({first.split}: {', '.join(first.databases)}), scored at "
            f"{', '.join(f'{width} x {height}' for width, height in sizes[:3])}{' …' if len(sizes) > 3 else ''} "
            "in 8-bit grey, nothing padded, resized or smoothed"
        ),
        figures=_figures(first) if len(evaluations) == len(first.halves) == 1 else "",
        headings="".join(f'<th scope="col">{escape(column.heading)}</th>' for column in first.columns),
        rows=_rows(evaluations),
        identity=_identity(evaluations),
        notes="".join(f"<p>{escape(line)}</p>" for line in lines),
        bars=_bars(evaluations),
        ranked_by=escape(f"By {first.ranked_by.title}{f' of {first.method}' if len(evaluations) > 1 else ''}"),
        cases="".join(_case(case, evaluations) for case in cases),
        strips=_strips(evaluations),
        made="".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in _making(made)),
    )


def _seen(evaluations: Sequence[Evaluation]) -> str:
    """What stands beside the headline where weights are scored on pairs that they were trained on."""
    shares = [
        f"{evaluation.method}: {share}" if len(evaluations) > 1 else share
        for evaluation in evaluations
        if (share := evaluation.training_share)
    ]
    return f" <small>seen in training: {escape('; '.join(shares))}</small>" if shares else ""


def _making(made: Provenance) -> list[tuple[str, str]]:
    return [
        ("Date", made.date),
        ("Command", made.command),
        ("Device", made.device),
        *((f"SHA-256 of {name}", checksum) for name, checksum in made.weights),
        ("Versions", ", ".join(f"{name} {version}" for name, version in made.versions)),
    ]


def _figures(evaluation: Evaluation) -> str:
    return "".join(
        f"<div><dt>{escape(column.heading)}</dt><dd>{show(evaluation.mean(column.key))}"
        f"{_spread(evaluation.spread(column.key))}</dd></div>"
        for column in evaluation.measured
    )


def _rows(evaluations: Sequence[Evaluation]) -> str:
    """Ours over the published rows, of one half of Table I or of both below each other."""
    bodies = []
    for half in evaluations[0].halves:
        bodies.append(
            f"<tbody>{''.join(_own_rows(evaluation.halves[half]) for evaluation in evaluations)}</tbody>"
            + _published(half, evaluations[0].columns)
        )
    return "".join(bodies)


def _own_rows(evaluation: Evaluation) -> str:
    databases: list[str | None] = [None]
    if len(evaluation.databases) > 1:
        databases += evaluation.databases
    rows = []
    for database in databases:
        label, kind = (evaluation.method, "overall") if database is None else (database, "part")
        cells = "".join(
            _cell(evaluation.mean(column.key, database), "n/a", evaluation.spread(column.key, database))
            for column in evaluation.columns
        )
        count = len(evaluation.of(database))
        rows.append(f'<tr class="{kind}"><th scope="row">{escape(label)}</th><td>{count}</td>{cells}</tr>')
    return "".join(rows)


def _identity(evaluations: Sequence[Evaluation]) -> str:
    """The table of the persons that were recognised, if any were looked for."""
    rows = identity_rows(evaluations)
    if not rows:
        return ""
    headings = "".join(f'<th scope="col">{escape(column.heading)}</th>' for column in IDENTITY_COLUMNS)
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        f"{''.join(_cell(values[column.key], 'n/a') for column in IDENTITY_COLUMNS)}</tr>"
        for name, values in rows
    )
    return (
        "<h2>Identity</h2><p>Share of the sketches that lead a face recogniser to their own photo first, and of those "
        "that it accepts where it accepts one in a hundred of other people's.</p>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Identity"><table>'
        f'<thead><tr><th scope="col"></th>{headings}</tr></thead><tbody>{lines}</tbody></table></div>'
    )


def _published(half: str, columns: Sequence[Column]) -> str:
    """The published rows of a part of Table I under their heading; nothing where there are none."""
    if not TABLE_I[half]:
        return ""
    title = escape(f"Published, {half} test pairs (Table I of the paper)")
    rows = [f'<tr><th scope="rowgroup" colspan="{len(columns) + 2}">{title}</th></tr>']
    for row in TABLE_I[half]:
        cells = "".join(_cell(row.by_key.get(column.key), "") for column in columns)
        rows.append(f'<tr><th scope="row">{escape(row.method)}</th><td></td>{cells}</tr>')
    return f'<tbody class="published">{"".join(rows)}</tbody>'


def _cell(value: float | None, absent: str, spread: float | None = None) -> str:
    return f'<td class="absent">{absent}</td>' if value is None else f"<td>{show(value)}{_spread(spread)}</td>"


def _spread(spread: float | None) -> str:
    return "" if spread is None else f' <span class="spread">± {spread:.3f}</span>'


def _bars(evaluations: Sequence[Evaluation]) -> str:
    """A chart for each column that both we and the paper have, for each half."""
    charts = []
    halves = list(evaluations[0].halves)
    for half, column in product(halves, evaluations[0].of_pairs):
        own = [
            Bar(evaluation.method, mean, own=True)
            for evaluation in evaluations
            if (mean := evaluation.halves[half].mean(column.key)) is not None
        ]
        published = [
            Bar(row.method, value, own=False)
            for row in TABLE_I[half]
            if (value := row.by_key.get(column.key)) is not None
        ]
        if published:
            chart = bar_chart(f"{column.title} of all methods", [*own, *published], column.higher_is_better)
            charts.append(_figure(f"{half}, {column.heading}" if len(halves) > 1 else column.heading, chart))
    return "".join(charts)


def _strips(evaluations: Sequence[Evaluation]) -> str:
    """Every pair: by its database, or by who drew it where several did."""
    first, charts = evaluations[0], []
    for column in first.of_pairs:
        if len(evaluations) > 1:
            parts = [(evaluation.method, evaluation.scores) for evaluation in evaluations]
        else:
            parts = [(database, tuple(first.of(database))) for database in first.databases]
        groups = [(label, [score.values[column.key] for score in scores]) for label, scores in parts]
        charts.append(_figure(column.heading, strip_chart(f"{column.title} of every pair", groups)))
    return "".join(charts)


def _figure(caption: str, chart: str) -> str:
    return f"<figure><figcaption>{escape(caption)}</figcaption>{chart}</figure>"


def _case(case: Case, evaluations: Sequence[Evaluation]) -> str:
    several = len(evaluations) > 1
    drawn = [evaluation.method if several else "drawn" for evaluation in evaluations]
    pictures = [
        ("photo", read_image(case.pair.photo)),
        ("artist", read_image(case.pair.sketch)),
        *zip(drawn, case.sketches, strict=True),
    ]
    shown = "".join(
        # A box that is ticked while the picture is large: no script is needed, and the keyboard reaches it.
        f'<figure><label><input type="checkbox" aria-label="Enlarge {escape(label)}"><img src="{_inline(picture)}" '
        f'width="{picture.width}" height="{picture.height}" alt="{escape(f"{label}: {case.pair.name}")}"></label>'
        f"<figcaption>{escape(label)}</figcaption></figure>"
        for label, picture in pictures
    )
    scores = "".join(
        f"<p>{escape(f'{evaluation.method}: ' if several else '')}{escape(_values(evaluation, case.place))}</p>"
        for evaluation in evaluations
    )
    title = f"<h3>{escape(case.title)} <span>{escape(case.pair.name)}</span></h3>"
    return f'<article>{title}<div class="pictures">{shown}</div>{scores}</article>'


def _values(evaluation: Evaluation, place: int) -> str:
    values = evaluation.scores[place].values
    return " · ".join(f"{column.title} {show(values[column.key])}" for column in evaluation.of_pairs)


def _inline(picture: Image.Image) -> str:
    """A picture as a data address. PNG: a report on scores must not add artefacts of its own."""
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
