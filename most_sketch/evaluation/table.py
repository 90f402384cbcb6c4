"""Tables for a terminal: the shape of the paper's Table I for one method, of Table II for several."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from most_sketch.evaluation.columns import COLUMNS, show
from most_sketch.evaluation.published import TABLE_I, TABLE_II
from most_sketch.evaluation.results import Evaluation


def method_table(evaluation: Evaluation) -> Table:
    """One method, overall and for each database, over the published rows of Table I."""
    share = f", seen in training: {evaluation.training_share}" if evaluation.training_share else ""
    title = Text(f"{evaluation.data} ({evaluation.split}){share}")
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("")
    table.add_column("pairs", justify="right")
    for column in COLUMNS:
        table.add_column(_heading(column.heading), justify="right")
    table.add_row(
        Text(evaluation.method),
        str(len(evaluation.scores)),
        *(show(evaluation.mean(column.key)) for column in COLUMNS),
        style="bold",
    )
    if len(evaluation.databases) > 1:
        for database in evaluation.databases:
            values = (show(evaluation.mean(column.key, database)) for column in COLUMNS)
            table.add_row(Text(f"  {database}"), str(len(evaluation.of(database))), *values)
    table.add_section()
    for row in TABLE_I[evaluation.published_set]:
        values = ("" if (value := row.by_key.get(column.key)) is None else show(value) for column in COLUMNS)
        table.add_row(Text(row.method), "published", *values, style="dim")
    return table


def comparison_table(evaluations: Sequence[Evaluation]) -> Table:
    """Table II's shape: a row for each metric, a column for each run, then the published columns."""
    first = evaluations[0]
    table = Table(box=box.SIMPLE_HEAD, title=f"{first.data} ({first.split}), {len(first.scores)} pairs")
    table.add_column("")
    for evaluation in evaluations:
        table.add_column(Text(evaluation.method), justify="right")
    for row in TABLE_II:
        table.add_column(Text(f"{row.method}, published"), justify="right", style="dim")
    for column in COLUMNS:
        own = (show(evaluation.mean(column.key)) for evaluation in evaluations)
        printed = ("" if (value := row.by_key.get(column.key)) is None else show(value) for row in TABLE_II)
        table.add_row(column.heading, *own, *printed)
    shares = [evaluation.training_share for evaluation in evaluations]
    if any(shares):
        table.add_row("seen in training", *(share or "none" for share in shares))
    return table


def notes(evaluation: Evaluation) -> list[str]:
    """The lines under a table: what is missing and how to get it, and how far to trust the comparison."""
    titles = {column.key: column.title for column in COLUMNS}
    lines = [f"n/a: {titles[key]} {remedy}" for key, remedy in evaluation.missing.items()]
    method, seen = evaluation.method, evaluation.seen
    if seen:
        count = len(evaluation.scores)
        lines.append(
            f"{method} was trained on {seen} of these {count} pairs: their scores say nothing about other photos."
        )
    if not evaluation.seen_known:
        what, more = ("all that", "more of ") if seen else ("what", "")
        lines.append(
            f"{method} does not say {what} it was trained on: whether it has seen {more}these pairs is not known."
        )
    return [*lines, evaluation.comparability]


def _heading(text: str) -> Text:
    """`LPIPS AlexNet ↓` in two lines, so that six columns fit a terminal of 80."""
    return Text(text.replace("LPIPS ", "LPIPS\n"))
