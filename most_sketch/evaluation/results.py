"""The outcome of an evaluation: one row of scores a pair, their means, and both as CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import fmean, stdev
from typing import Any

from most_sketch.evaluation.columns import COLUMNS, Column
from most_sketch.evaluation.identity import Identity
from most_sketch.evaluation.published import TABLE_I, TEST_PAIRS, half_of

PROTOCOL_SIZE = (200, 250)
"""Width and height at which the literature's figures on CUFS and CUFSF were taken."""


@dataclass(frozen=True)
class PairScore:
    """The scores of one sketch."""

    database: str
    name: str
    size: tuple[int, int]
    """Width and height at which it was scored."""
    values: Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """One method's scores on a paired set. Grows with the number of pairs by a few numbers each, never by images."""

    method: str
    data: str
    """Name of the folder of pairs."""
    split: str
    """`all` pairs, or the `validation` tenth of them."""
    scores: tuple[PairScore, ...]
    missing: Mapping[str, str]
    """Key of a column that could not be computed -> how to get it."""
    seen: int = 0
    """How many of these pairs the weights were trained on, as far as that is known."""
    seen_known: bool = True
    """Is it known of all? Not of weights that do not say what they were trained on, or not all of it."""
    identity: Identity | None = None
    """How well the persons are recognised, where that was asked for."""
    above: str = ""
    """Name of the folder that holds that of the pairs."""
    drawn_by: Mapping[str, str] = field(default_factory=dict)
    """Half of Table I -> what drew its pairs, where that is not the same for all."""

    @property
    def databases(self) -> list[str]:
        return list(dict.fromkeys(score.database for score in self.scores))

    @property
    def measured(self) -> list[Column]:
        """The columns that have numbers."""
        return [column for column in COLUMNS if column.key not in self.missing]

    @property
    def halves(self) -> dict[str, Evaluation]:
        """The same of the pairs alone that belong beside each half of Table I, by its name: CUFS, CUFSF or both."""
        scores: dict[str, list[PairScore]] = {}
        for database in self.databases:
            scores.setdefault(half_of(database, self.data, self.above), []).extend(self.of(database))
        return {
            half: replace(self, scores=tuple(scores[half]), method=self.drawn_by.get(half, self.method))
            for half in TABLE_I
            if half in scores
        }

    @property
    def training_share(self) -> str:
        """How many of the pairs were trained on, in words; empty where none was."""
        if self.seen:
            return f"{self.seen} of {len(self.scores)}"
        return "" if self.seen_known else "not known"

    def of(self, database: str | None = None) -> list[PairScore]:
        """The pairs of one database, or all."""
        return [score for score in self.scores if database in (None, score.database)]

    def mean(self, key: str, database: str | None = None) -> float | None:
        """The average over all images, or over those of one database; None for a column without numbers."""
        if key in self.missing:
            return None
        return fmean(score.values[key] for score in self.of(database))

    def spread(self, key: str, database: str | None = None) -> float | None:
        """The standard deviation over the same images; None where there are not two numbers."""
        scores = self.of(database)
        if key in self.missing or len(scores) < 2:
            return None
        return stdev(score.values[key] for score in scores)

    @property
    def ranked_by(self) -> Column:
        """The column that tells good sketches from bad: LPIPS, which is nearest to what people say, or FSIM."""
        return next((column for column in self.measured if column.key.startswith("lpips")), self.measured[0])

    def examples(self) -> dict[str, int]:
        """Places in `scores` of the best, the median and the worst sketch; fewer where there are fewer pairs."""
        column = self.ranked_by
        order = sorted(
            range(len(self.scores)),
            key=lambda place: self.scores[place].values[column.key],
            reverse=column.higher_is_better,
        )
        places = {"Best": order[0]}
        if len(order) > 2:
            places["Median"] = order[len(order) // 2]
        if len(order) > 1:
            places["Worst"] = order[-1]
        return places

    @property
    def comparability(self) -> dict[str, str]:
        """One sentence for each half on how far its published figures may be compared with these."""
        return {half: part._comparability(half) for half, part in self.halves.items()}

    def _comparability(self, name: str) -> str:
        test = f"Published figures: the paper's, on the {TEST_PAIRS[name]} test pairs of {name} at 200 x 250."
        odd = {score.size for score in self.scores} - {PROTOCOL_SIZE}
        if odd:
            width, height = min(odd)
            return f"{test} Not comparable: these pairs have other sizes, for example {width} x {height}."
        if self.split == "validation" or len(self.scores) != TEST_PAIRS[name]:
            return f"{test} These are {len(self.scores)} other pairs: read the comparison as a rough one."
        return test


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """The means as a plain dict for JSON; None where there is no number."""
    return {
        "method": evaluation.method,
        "data": evaluation.data,
        "split": evaluation.split,
        "pairs": len(evaluation.scores),
        "overall": {column.key: evaluation.mean(column.key) for column in COLUMNS},
        "databases": {
            database: {
                "pairs": len(evaluation.of(database)),
                **{column.key: evaluation.mean(column.key, database) for column in COLUMNS},
            }
            for database in evaluation.databases
        },
        "identity": asdict(evaluation.identity) if evaluation.identity else None,
        "missing": dict(evaluation.missing),
        "seen": bool(evaluation.seen) if evaluation.seen or evaluation.seen_known else None,
        "seen_pairs": evaluation.seen if evaluation.seen or evaluation.seen_known else None,
        "halves": {
            half: {
                "method": part.method,
                "pairs": len(part.scores),
                **{column.key: part.mean(column.key) for column in COLUMNS},
                "note": evaluation.comparability[half],
                "published": {row.method: row.by_key for row in TABLE_I[half]},
            }
            for half, part in evaluation.halves.items()
        },
    }


def identity_rows(evaluations: Sequence[Evaluation]) -> list[tuple[str, dict[str, float | None]]]:
    """Names and rates of the methods where persons were looked for, and after them of the artist."""
    asked = [(evaluation.method, evaluation.identity) for evaluation in evaluations if evaluation.identity]
    rows = [(method, identity.method) for method, identity in asked]
    rows += [("the artist's own", identity.artist) for _, identity in asked[:1]]
    return [(name, asdict(rates)) for name, rates in rows]


def to_csv(evaluation: Evaluation) -> str:
    """One line a pair, under a header."""
    columns = [column.key for column in evaluation.measured]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["database", "name", "width", "height", *columns])
    for score in evaluation.scores:
        writer.writerow([score.database, score.name, *score.size, *(f"{score.values[key]:.6f}" for key in columns)])
    return text.getvalue()
