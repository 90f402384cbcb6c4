"""The columns of our tables: what each metric is called and which way is better."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One metric, as tables, charts and files name it."""

    key: str
    title: str
    higher_is_better: bool

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
)
"""The paper's columns in its order, then the mean absolute difference, which it does not report."""

IDENTITY_COLUMNS = (Column("rank_1", "Rank-1", True), Column("verification", "Verification at 1 %", True))
"""Of the persons in the sketches, by a face recogniser."""


def show(value: float | None) -> str:
    """A score as tables print it; `n/a` where it could not be computed."""
    return "n/a" if value is None else f"{value:.4f}"
