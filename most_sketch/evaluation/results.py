"""The outcome of an evaluation: one row of scores a pair, their means, and both as CSV and JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import fmean, stdev
from typing import Any

from most_sketch.evaluation.columns import DEFAULT_COLUMNS, Column
from most_sketch.evaluation.identity import Identity, Recognition
from most_sketch.evaluation.published import TABLE_I, TEST_PAIRS, half_of
from most_sketch.evaluation.texture import Texture

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
    recognised: Recognition | None = None
    """How a face recogniser took the sketch, where it was asked."""
    artist_recognised: Recognition | None = None
    """And the artist's drawing of the same person."""

    @property
    def full_name(self) -> str:
        """As `Pair.name`."""
        return f"{self.database}/{self.name}"

    @property
    def recognitions(self) -> dict[str, Recognition]:
        """Both by name, where a recogniser was asked."""
        both = {"identity": self.recognised, "artist": self.artist_recognised}
        return {name: each for name, each in both.items() if each}


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
    columns: tuple[Column, ...] = DEFAULT_COLUMNS
    """The metrics that were asked for."""
    texture: Texture | None = None
    """For the metric that compares sets, where that was asked for."""

    @property
    def databases(self) -> list[str]:
        return list(dict.fromkeys(score.database for score in self.scores))

    @property
    def measured(self) -> list[Column]:
        """The columns that have numbers."""
        return [column for column in self.columns if column.key not in self.missing]

    @property
    def halves(self) -> dict[str, Evaluation]:
        """The same of the pairs alone that belong beside each part of Table I, by its name: CUFS, CUFSF and FS2K."""
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
        if key == "texture":
            return self.texture.distance(score.full_name for score in self.of(database)) if self.texture else None
        return fmean(score.values[key] for score in self.of(database))

    @property
    def of_pairs(self) -> list[Column]:
        """The columns of which each pair has a number."""
        return [column for column in self.measured if column.of_pairs]

    def spread(self, key: str, database: str | None = None) -> float | None:
        """The standard deviation over the same images; None where there are not two numbers."""
        scores = self.of(database)
        if len(scores) < 2 or any(key not in score.values for score in scores):
            return None
        return stdev(score.values[key] for score in scores)

    @property
    def ranked_by(self) -> Column:
        """The column that tells good sketches from bad: LPIPS, which is nearest to what people say, or FSIM."""
        return next((column for column in self.of_pairs if column.key.startswith("lpips")), self.of_pairs[0])

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
        if not TABLE_I[name]:
            return f"{name}: no published figures are shown. docs/protocol.md says how its authors score."
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
        "overall": {column.key: evaluation.mean(column.key) for column in evaluation.columns},
        "databases": {
            database: {
                "pairs": len(evaluation.of(database)),
                **{column.key: evaluation.mean(column.key, database) for column in evaluation.columns},
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
                **{column.key: part.mean(column.key) for column in evaluation.columns},
                "note": evaluation.comparability[half],
                "published": {row.method: row.by_key for row in TABLE_I[half]},
            }
            for half, part in evaluation.halves.items()
        },
        "texture_among_drawings": evaluation.texture.among_drawings() if evaluation.texture else None,
        "scores": [
            {
                "database": score.database,
                "name": score.name,
                "width": score.size[0],
                "height": score.size[1],
                **score.values,
                **{name: asdict(recognition) for name, recognition in score.recognitions.items()},
            }
            for score in evaluation.scores
        ],
    }


def identity_rows(evaluations: Sequence[Evaluation]) -> list[tuple[str, dict[str, float | None]]]:
    """Names and rates of the methods where persons were looked for, and after them of the artist."""
    asked = [(evaluation.method, evaluation.identity) for evaluation in evaluations if evaluation.identity]
    rows = [(method, identity.method) for method, identity in asked]
    rows += [("the artist's own", identity.artist) for _, identity in asked[:1]]
    return [(name, asdict(rates)) for name, rates in rows]


def to_csv(evaluation: Evaluation) -> str:
    """One line a pair, under a header."""
    columns = [column.key for column in evaluation.of_pairs]
    recognised = [
        (name, field.name) for name in evaluation.scores[0].recognitions for field in dataclasses.fields(Recognition)
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["database", "name", "width", "height", *columns, *("_".join(part) for part in recognised)])
    for score in evaluation.scores:
        numbers = [score.values[key] for key in columns]
        numbers += [getattr(score.recognitions[name], part) for name, part in recognised]
        writer.writerow([score.database, score.name, *score.size, *map(number_in_csv, numbers)])
    return text.getvalue()


def number_in_csv(value: float | bool | None) -> str:
    """A number as CSV has it; empty where there is none."""
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else str(int(value))
