"""What the MOST-Net paper printed, to stand under our own figures. Source: arXiv 2202.03596, Tables I and II."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

KEYS = ("fsim", "ssim", "lpips_squeeze", "lpips_alex", "lpips_vgg")
"""The columns of both tables, in the paper's order, by the names that `metrics` gives them."""


@dataclass(frozen=True)
class PublishedRow:
    """One method's scores as printed; None where the paper has a dash."""

    method: str
    values: tuple[float | None, ...]

    @property
    def by_key(self) -> dict[str, float | None]:
        """The scores by the names of the columns."""
        return dict(zip(KEYS, self.values, strict=True))


TEST_PAIRS = MappingProxyType({"CUFS": 338, "CUFSF": 944, "FS2K": 1046})
"""Size of the test half on which each part of Table I was measured."""

SIGNS = {"CUFSF": ("cufsf", "feret"), "FS2K": ("fs2k",), "CUFS": ("cufs", "cuhk", "xm2vts")}
"""What names of folders have in them that are of one part or another, looked for in this order."""

TABLE_I = MappingProxyType(
    {
        "CUFS": (
            PublishedRow("CycleGAN (2017)", (0.6829, 0.4638, 0.1863, 0.2776, 0.3815)),
            PublishedRow("Pix2Pix (2017)", (0.7356, 0.4983, 0.1262, 0.1876, 0.3217)),
            PublishedRow("Col-cGAN (2019)", (None, 0.5244, None, None, None)),
            PublishedRow("KT (2019)", (0.7373, None, 0.1688, 0.2297, 0.3483)),
            PublishedRow("KD+ (2020)", (0.7350, None, 0.1471, 0.1971, 0.3052)),
            PublishedRow("SCAGAN (2020)", (0.7086, None, 0.1722, 0.2408, 0.3627)),
            PublishedRow("Sketch-Transformer (2021)", (0.7350, None, 0.1233, 0.1807, 0.3019)),
            PublishedRow("MOST-Net (paper)", (0.7394, 0.5433, 0.1207, 0.1837, 0.3006)),
        ),
        "CUFSF": (
            PublishedRow("CycleGAN (2017)", (0.7011, 0.3753, 0.1617, 0.2234, 0.3787)),
            PublishedRow("Pix2Pix (2017)", (0.7284, 0.4204, 0.1422, 0.1932, 0.3551)),
            PublishedRow("Col-cGAN (2019)", (None, 0.4224, None, None, None)),
            PublishedRow("KT (2019)", (0.7311, None, 0.1740, 0.2522, 0.3743)),
            PublishedRow("KD+ (2020)", (0.7171, None, 0.1619, 0.2368, 0.3550)),
            PublishedRow("SCAGAN (2020)", (0.7270, None, 0.1500, 0.2188, 0.3536)),
            PublishedRow("Sketch-Transformer (2021)", (0.7259, None, 0.1349, 0.1971, 0.3400)),
            PublishedRow("MOST-Net (paper)", (0.7167, 0.4363, 0.1386, 0.2013, 0.3374)),
        ),
        # The paper has none of FS2K, and no table of others was at hand to quote from.
        "FS2K": (),
    }
)

# Table I prints .1262 and Table II .1362 for the LPIPS-SqueezeNet of what the text calls the same Pix2Pix.
TABLE_II = (
    PublishedRow("Baseline (Pix2Pix)", (0.7356, 0.4983, 0.1362, 0.1876, 0.3217)),
    PublishedRow("MOST-Net w/o MR loss", (0.7350, 0.5431, 0.1303, 0.1882, 0.3120)),
    PublishedRow("MOST-Net w/ MR loss", (0.7394, 0.5433, 0.1207, 0.1837, 0.3006)),
)
"""The ablation, all on the CUFS test pairs."""


def half_of(database: str, data: str, above: str) -> str:
    """Which part of Table I the pairs of a database belong beside: CUFS, CUFSF or FS2K.

    The first of these names that tells: the folder of the pairs, those above it, that of the data, the one above that.
    CUFS if none does.
    """
    lower = [name.lower() for name in (*reversed(database.split("/")), data, above)]
    return next((half for name in lower for half, signs in SIGNS.items() if any(map(name.__contains__, signs))), "CUFS")
