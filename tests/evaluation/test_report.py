"""The HTML page: complete, self-contained, well-formed, and safe from what files are called."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_pairs import write_pairs
from PIL import Image

from most_sketch.evaluation.charts import Bar, bar_chart, strip_chart
from most_sketch.evaluation.provenance import Provenance, provenance
from most_sketch.evaluation.report import Case, render_report
from most_sketch.evaluation.results import Evaluation, PairScore
from most_sketch.evaluation.table import notes
from most_sketch.pairs.pairs import find_pairs

MISSING = {"lpips_alex": "needs torchvision's AlexNet", "lpips_vgg": "needs torchvision's VGG-16"}
VOID = {"meta", "img", "rect", "circle", "line", "input"}
MADE = Provenance(
    "2026-01-02 03:04 UTC", "most-sketch eval --data cufs", "cpu", (("most-net", "0a1b"),), (("torch", "2"),)
)


class Page(HTMLParser):
    """Collects the tags and their attributes, and checks that every tag is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def count(self, tag: str) -> int:
        return sum(1 for name, _ in self.tags if name == tag)


def evaluation(method: str = "our method", count: int = 5) -> Evaluation:
    scores = tuple(
        PairScore(
            "ar" if place % 2 else "cuhk",
            str(place),
            (200, 250),
            {"fsim": 0.7 + place / 100, "ssim": 0.5, "lpips_squeeze": 0.2 - place / 100, "l1": 0.1},
        )
        for place in range(count)
    )
    return Evaluation(method, "cufs", "validation", scores, MISSING)


@pytest.fixture
def cases(tmp_path: Path) -> list[Case]:
    pairs = find_pairs(write_pairs(tmp_path / "set", ["0", "1", "2"], (64, 80)))
    return [
        Case(title, place, pairs[place], [Image.new("L", (64, 80), 40 * place)])
        for place, title in enumerate(("Best", "Median", "Worst"))
    ]


def test_the_page_has_table_charts_and_examples(cases: list[Case]) -> None:
    page = render_report([evaluation()], cases, MADE)
    parsed = Page(page)
    assert parsed.count("img") == 9
    # Bars for the three columns that the paper has too, and a distribution for each of our four.
    assert parsed.count("svg") == 3 + 4
    assert parsed.count("circle") == 4 * 5
    assert "0.7200" in page
    assert "MOST-Net (paper)" in page
    assert "n/a: LPIPS AlexNet needs torchvision&#x27;s AlexNet" in page
    assert "Published, CUFS test pairs" in page
    assert "$" not in page


def test_the_page_has_both_halves_of_the_published_table(cases: list[Case]) -> None:
    scores = (*evaluation().scores, replace(evaluation().scores[0], database="cufsf"))
    page = render_report([replace(evaluation(), scores=scores)], cases, MADE)
    bodies = re.findall(r"<tbody>.*?<tbody class=.published.>.*?</tbody>", page)
    assert ["Published, CUFS test pairs" in body for body in bodies] == [True, False]
    assert ["0.7394" in body for body in bodies] == [True, False]
    assert ["Published, CUFSF test pairs" in body for body in bodies] == [False, True]
    assert ["0.7167" in body for body in bodies] == [False, True]
    assert re.findall(r'<tr class="overall"><th scope="row">our method</th><td>(\d)</td>', page) == ["5", "1"]
    assert Page(page).count("svg") == 2 * 3 + 4


def test_the_page_says_how_it_was_made(cases: list[Case]) -> None:
    page = render_report([evaluation()], cases, MADE)
    for fact in (MADE.date, MADE.command, "SHA-256 of most-net", "0a1b", "torch 2"):
        assert f">{fact}<" in page


def test_the_making_of_scores_is_looked_up(tiny_weights: Path) -> None:
    made = provenance("most-sketch eval", [tiny_weights], torch.device("cpu"), offline=True)
    assert made.weights == ((str(tiny_weights), hashlib.sha256(tiny_weights.read_bytes()).hexdigest()),)
    assert dict(made.versions)["torch"] == version("torch")


def test_means_have_their_spread_beside_them(cases: list[Case]) -> None:
    wanted = np.std([0.70, 0.71, 0.72, 0.73, 0.74], ddof=1)
    assert evaluation().spread("fsim") == pytest.approx(wanted)
    assert f'0.7200 <span class="spread">± {wanted:.3f}</span>' in render_report([evaluation()], cases, MADE)
    assert evaluation().spread("lpips_vgg") is None
    assert evaluation(count=1).spread("fsim") is None


def test_every_picture_is_enlarged_by_a_box_that_a_keyboard_reaches(cases: list[Case]) -> None:
    page = render_report([evaluation()], cases, MADE)
    boxes = [attributes for tag, attributes in Page(page).tags if tag == "input"]
    assert [box["aria-label"] for box in boxes] == ["Enlarge photo", "Enlarge artist", "Enlarge drawn"] * 3
    assert "input:checked + img" in page
    assert page.count('<input type="checkbox"') == len(re.findall(r'"><img [^>]*></label>', page)) == 9


def test_several_methods_stand_beside_each_other(cases: list[Case]) -> None:
    both = [evaluation("one"), evaluation("other")]
    cases = [replace(case, sketches=[*case.sketches, Image.new("L", (64, 80))]) for case in cases]
    page = render_report(both, cases, MADE)
    assert Page(page).count("img") == 3 * 4
    assert "<h1>one, other</h1>" in page
    assert re.findall(r'<tr class="overall"><th scope="row">(\w+)<', page) == ["one", "other"]
    assert page.count('<rect class="own"') == 2 * 3
    assert Page(page).count("circle") == 4 * 2 * 5
    assert "By LPIPS SqueezeNet of one." in page


def test_the_page_loads_nothing_from_anywhere(cases: list[Case]) -> None:
    page = render_report([evaluation()], cases, MADE)
    for tag, attributes in Page(page).tags:
        assert tag not in {"script", "link", "iframe", "object"}
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert not re.search(r"url\(|@import|https?://", page)


def test_pictures_in_the_page_are_the_pictures_themselves(cases: list[Case]) -> None:
    sources = [
        attributes["src"] or ""
        for tag, attributes in Page(render_report([evaluation()], cases, MADE)).tags
        if tag == "img"
    ]
    shown = [Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) for source in sources]
    assert np.array_equal(shown[0], Image.open(cases[0].pair.photo))
    assert np.array_equal(shown[5], cases[1].sketches[0])


def test_names_cannot_break_the_page(cases: list[Case]) -> None:
    page = render_report([evaluation("<script>alert('x')</script> & $method")], cases, MADE)
    assert "script" not in {tag for tag, _ in Page(page).tags}
    assert "&lt;script&gt;" in page
    assert "&amp; $method" in page


def test_examples_are_best_median_and_worst_by_lpips() -> None:
    assert evaluation().ranked_by.key == "lpips_squeeze"
    assert evaluation().examples() == {"Best": 4, "Median": 2, "Worst": 0}
    assert evaluation(count=1).examples() == {"Best": 0}
    without = Evaluation("m", "cufs", "all", evaluation().scores, {**MISSING, "lpips_squeeze": "needs SqueezeNet"})
    assert without.ranked_by.key == "fsim"
    assert without.examples()["Best"] == 4


def test_bars_are_sorted_from_best_to_worst_and_ours_stands_out() -> None:
    bars = [Bar("theirs", 0.1, False), Bar("ours", 0.2, True), Bar("others", 0.3, False)]
    up, down = bar_chart("SSIM", bars, True), bar_chart("LPIPS", bars, False)
    assert re.findall(r">(\w+)</text><rect", up) == ["others", "ours", "theirs"]
    assert re.findall(r">(\w+)</text><rect", down) == ["theirs", "ours", "others"]
    lengths = [float(width) for width in re.findall(r'<rect[^>]* width="([\d.]+)"', down)]
    assert lengths == pytest.approx([lengths[2] / 3, lengths[2] * 2 / 3, lengths[2]], abs=0.1)
    assert re.findall(r'<rect class="own"', up) == ['<rect class="own"']


def test_a_strip_puts_the_least_left_and_the_most_right_even_if_all_are_equal() -> None:
    chart = strip_chart("SSIM", [("ar", [0.1, 0.5, 0.3])])
    places = [float(x) for x in re.findall(r'cx="([\d.]+)"', chart)]
    assert places[0] < places[2] < places[1]
    assert "nan" not in strip_chart("SSIM", [("ar", [0.4, 0.4])])


def test_figures_that_cannot_be_compared_say_so() -> None:
    assert "5 other pairs" in evaluation().comparability["CUFS"]
    score = PairScore("ar", "1", (250, 250), evaluation().scores[0].values)
    assert "Not comparable" in Evaluation("m", "others", "all", (score,), {}).comparability["CUFS"]
    test_half = tuple(evaluation().scores[0] for _ in range(338))
    assert "other pairs" not in Evaluation("m", "cufs", "all", test_half, {}).comparability["CUFS"]


def test_a_line_warns_of_weights_that_have_seen_the_pairs() -> None:
    assert not any("trained on" in line for line in notes(evaluation()))
    assert any(
        ": trained on 3 of these 5 pairs, whose scores say nothing" in line
        for line in notes(replace(evaluation(), seen=3))
    )
    assert any(
        "nothing is known of the training, nor whether" in line
        for line in notes(replace(evaluation(), seen_known=False))
    )
