"""The columns of our tables: what each metric is called, which way is better, and which of them are chosen."""

from __future__ import annotations

from dataclasses import dataclass

from most_sketch.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Column:
    """One metric, as tables, charts and files name it."""

    key: str
    title: str
    higher_is_better: bool
    of_pairs: bool = True
    """Has each pair a score of its own? Else the metric compares a whole set of sketches with a set of drawings."""

    @property
    def heading(self) -> str:
        """The title with the arrow that the literature puts behind it."""
        return f"{self.title} {'↑' if self.higher_is_better else '↓'}"


COLUMNS = (
    Column("fsim", "FSIM", True),
    Column("ssim", "SSIM", True),
    Column("lpips_squeeze", "LPIPS SqueezeNet", False),
    Column("lpips_alex", "LPIPS AlexNet", False),
    Column("lpips_vgg", "LPIPS VGG-16", False),
    Column("l1", "L1", False),
    Column("scoot", "SCOOT", True),
    Column("texture", "Texture", False, of_pairs=False),
)
"""The paper's columns in its order, the mean absolute difference, which it does not report, and two for `--metrics`."""

DEFAULT_COLUMNS = COLUMNS[:6]
"""What is measured unless `--metrics` says otherwise."""
DEFAULT_KEYS = tuple(column.key for column in DEFAULT_COLUMNS)

GROUPS = {"lpips": tuple(column.key for column in COLUMNS if column.key.startswith("lpips"))}
"""Names that `--metrics` takes for several columns."""

IDENTITY_COLUMNS = (Column("rank_1", "Rank-1", True), Column("verification", "Verification at 1 %", True))
"""Of the persons in the sketches, by a face recogniser."""


UNPAIRED_COLUMNS = (
    Column("mesh_axes", "Mesh axes", False),
    Column("mesh_diagonal", "Mesh diagonal", False),
    Column("texture", "Texture", False),
    Column("distance", "Distance", False),
    *IDENTITY_COLUMNS,
)
"""Of sketches that have no drawing beside them."""


def choose_columns(names: str | None) -> tuple[Column, ...]:
    """The columns that a list such as `fsim,lpips,scoot` asks for, in the order of `COLUMNS`; `all` asks for all.

    None are `DEFAULT_COLUMNS`. Raises `InputError` for a name that is not known.
    """
    if names is None:
        return DEFAULT_COLUMNS
    known = {column.key: (column.key,) for column in COLUMNS} | GROUPS | {"all": tuple(c.key for c in COLUMNS)}
    keys: set[str] = set()
    for name in (part.strip().lower() for part in names.split(",")):
        if name not in known:
            raise InputError(
                f"--metrics {name or repr(names)}: there are {', '.join(known)}{did_you_mean(name, known)}"
            )
        keys.update(known[name])
    return tuple(column for column in COLUMNS if column.key in keys)


def show(value: float | None) -> str:
    """A score as tables print it; `n/a` where it could not be computed."""
    return "n/a" if value is None else f"{value:.4f}"
