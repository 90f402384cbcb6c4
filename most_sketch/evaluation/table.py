"""Tables for a terminal of 80 columns: a row for each method, above those that the paper printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from most_sketch.evaluation.columns import IDENTITY_COLUMNS, UNPAIRED_COLUMNS, Column, show
from most_sketch.evaluation.published import TABLE_I, TABLE_II, TEST_PAIRS, PublishedRow
from most_sketch.evaluation.results import Evaluation, identity_rows
from most_sketch.evaluation.unpaired import UnpairedEvaluation


def method_table(evaluation: Evaluation) -> Table:
    """One method, overall and for each database, over the published rows of Table I: its halves below each other."""
    share = f", seen in training: {evaluation.training_share}" if evaluation.training_share else ""
    columns, halves = evaluation.measured, evaluation.halves
    table = _table(f"{evaluation.data} ({evaluation.split}){share}", columns)
    for half, part in halves.items():
        table.add_section()
        name = part.method if len(halves) == 1 else f"{part.method}, {half}"
        _add_row(table, _counted(name, len(part.scores)), _means(part, None), columns, "bold")
        if len(part.databases) > 1:
            for database in part.databases:
                label = _counted(f"  {database}", len(part.of(database)))
                _add_row(table, label, _means(part, database), columns)
        _add_published(table, half, TABLE_I[half], columns)
    return table


def comparison_table(evaluations: Sequence[Evaluation]) -> Table:
    """Several methods on the same pairs, over the published rows of Table II; of CUFSF, which that has not, Table I."""
    first = evaluations[0]
    halves = list(first.halves)
    table = _table(f"{first.data} ({first.split}), {len(first.scores)} pairs", first.measured)
    for half in halves:
        table.add_section()
        for evaluation in evaluations:
            name = evaluation.method if len(halves) == 1 else f"{evaluation.method}, {half}"
            share = f" (trained on {evaluation.training_share})" if evaluation.seen else ""
            _add_row(table, f"{name}{share}", _means(evaluation.halves[half], None), first.measured)
        _add_published(table, half, TABLE_II if half == "CUFS" else TABLE_I[half], first.measured)
    return table


def identity_table(evaluations: Sequence[Evaluation]) -> Table:
    """How well the persons of the same pairs are recognised in each method's sketches and in the artist's."""
    table = _table(f"identity, among {len(evaluations[0].scores)} photos", IDENTITY_COLUMNS)
    for name, values in identity_rows(evaluations):
        table.add_row(Text(name), *(show(values[column.key]) for column in IDENTITY_COLUMNS))
    return table


def unpaired_table(evaluations: Sequence[UnpairedEvaluation]) -> Table:
    """Several methods on the same photos, and the drawings that they are compared with."""
    first = evaluations[0]
    rows = [(evaluation.label, evaluation.by_key) for evaluation in evaluations]
    if first.reference:
        rows.append((_counted(f"{first.reference.name}/, drawings", first.reference.count), first.reference.by_key))
    columns = [column for column in UNPAIRED_COLUMNS if any(values.get(column.key) is not None for _, values in rows)]
    table = _table(f"{first.data}, {len(first.scores)} photos without drawings", columns)
    for label, values in rows:
        _add_row(table, label, values, columns)
    return table


def notes(evaluation: Evaluation) -> list[str]:
    """The lines under a table: what is missing and how to get it, and how far to trust the comparison."""
    titles = {column.key: column.title for column in evaluation.columns}
    lines = [f"n/a: {titles[key]} {remedy}" for key, remedy in evaluation.missing.items()]
    method, seen = evaluation.method, evaluation.seen
    if seen:
        count = len(evaluation.scores)
        lines.append(
            f"{method}: trained on {seen} of these {count} pairs, whose scores say nothing about other photos."
        )
    if not evaluation.seen_known:
        what, more = ("not all", "more of ") if seen else ("nothing", "")
        lines.append(f"{method}: {what} is known of the training, nor whether it has seen {more}these pairs.")
    if evaluation.texture and (among := evaluation.texture.among_drawings()) is not None:
        lines.append(f"Texture: of a set; two halves of the artist's drawings are {show(among)} from each other.")
    if evaluation.identity:
        lines.append(
            f"Identity: by dlib's face recogniser, among the {len(evaluation.scores)} photos of these pairs; "
            "among more photos fewer are found."
        )
    return [*lines, *evaluation.comparability.values()]


def _table(title: str, columns: Sequence[Column]) -> Table:
    """A table with a column of names, which may be broken into lines, and columns of numbers, which never are."""
    # As Text: in a string rich would take brackets for markup.
    table = Table(
        box=box.SIMPLE_HEAD,
        title=Text(title),
        title_justify="left",
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("", overflow="fold")
    for column in columns:
        table.add_column(_heading(column), justify="right", no_wrap=True)
    return table


def _add_row(
    table: Table, label: str, values: Mapping[str, float | None], columns: Sequence[Column], style: str | None = None
) -> None:
    known = (values.get(column.key) for column in columns)
    table.add_row(Text(label), *("" if value is None else show(value) for value in known), style=style)


def _add_published(table: Table, half: str, rows: Sequence[PublishedRow], columns: Sequence[Column]) -> None:
    if not rows:
        return
    table.add_section()
    _add_row(table, _counted(f"published, {half}", TEST_PAIRS[half]), {}, columns, "dim")
    for row in rows:
        _add_row(table, row.method, row.by_key, columns, "dim")


def _means(evaluation: Evaluation, database: str | None) -> dict[str, float | None]:
    return {column.key: evaluation.mean(column.key, database) for column in evaluation.measured}


def _counted(label: str, pairs: int) -> str:
    return f"{label} ({pairs})"


def _heading(column: Column) -> str:
    """`LPIPS ↓` over `AlexNet`, so that six columns fit a terminal of 80."""
    title, _, network = column.title.partition(" ")
    return column.heading if not network else f"{title} {column.heading[-1]}\n{network}"
