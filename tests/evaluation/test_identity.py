"""Rates of recognition: their maths with made-up numbers and a stand-in recogniser, and dlib's on real portraits."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import EXAMPLES, Command
from drawn_pairs import write_pairs
from PIL import Image
from torch import Tensor

from most_sketch.drawing.sketcher import Sketcher
from most_sketch.evaluation import measuring
from most_sketch.evaluation.identity import Rates, Recognition, recognitions
from most_sketch.evaluation.identity import rates as rates_of
from most_sketch.evaluation.recogniser import Box, DlibRecogniser
from most_sketch.photo.frame import FRAME_SIZE
from most_sketch.photo.images import read_image

SIZE = (64, 80)
IN_FRAME = (43, 82, 159, 198)
"""The box of a face whose eyes are where the frame has them, 51 pixels apart."""
SAME_PERSON = 0.6
"""Below this distance dlib calls two photos one person."""


def rates(sketches: Tensor, photos: Tensor) -> Rates:
    return rates_of(recognitions(sketches, photos))


def on_a_line(*places: float) -> Tensor:
    return torch.tensor(places, dtype=torch.float64)[:, None]


def test_rank_1_is_the_share_whose_own_photo_is_nearest() -> None:
    photos = on_a_line(0, 10, 20, 30)
    assert rates(photos, photos) == Rates(1, None)
    # The second is nearer to the third's photo; the fourth lies between two, so its own is not the nearest.
    assert rates(on_a_line(1, 16, 20, 25), photos).rank_1 == 0.5


def test_each_sketch_has_its_distance_and_the_rank_of_its_own_photo() -> None:
    found = recognitions(on_a_line(1, 16, 20, 25), on_a_line(0, 10, 20, 30))
    assert found == [Recognition(1, 1, None), Recognition(6, 2, None), Recognition(0, 1, None), Recognition(5, 2, None)]


def test_a_recogniser_that_tells_nobody_apart_recognises_nobody() -> None:
    same = torch.zeros(20, 3, dtype=torch.float64)
    assert rates(same, same) == Rates(0, 0)


def test_verification_accepts_one_in_a_hundred_of_other_people() -> None:
    """Twenty people have 380 comparisons with others, of which three may be accepted."""
    photos = 100 * torch.eye(20, dtype=torch.float64)
    sketches = photos.clone()
    # Five sketches are this far from their own photo, all others on it.
    sketches[:5, 0] += torch.tensor([40.0, 50, 60, 70, 80], dtype=torch.float64)
    distances = torch.cdist(sketches, photos)
    impostors = distances[~torch.eye(20, dtype=torch.bool)]
    threshold = impostors.sort().values[3]
    assert (impostors < threshold).sum() <= 380 // 100
    expected = (distances.diagonal() < threshold).double().mean().item()
    assert rates(sketches, photos).verification == expected
    # Four sketches of other people right beside a photo: the fourth would be one too many, so none so far is accepted.
    sketches = photos.clone()
    sketches[0, 0] += 30
    sketches[1:5] = photos[0] + torch.eye(20, dtype=torch.float64)[1:5]
    assert rates(sketches, photos) == Rates(16 / 20, 15 / 20)
    # With three of them, all that is nearer than two photos are to each other is accepted too.
    sketches[4] = photos[4]
    assert rates(sketches, photos) == Rates(17 / 20, 1)


def test_small_distances_between_large_numbers_are_kept() -> None:
    photos = 1e4 + torch.arange(40, dtype=torch.float64)[:, None] * 1e-5
    assert rates(photos, photos) == Rates(1, 1)


class StandIn:
    """Tells faces by the mean of all that is in the box, and finds one in all photos but those that are black."""

    def __init__(self) -> None:
        self.located = 0

    def locate(self, photo: Image.Image) -> Box | None:
        self.located += 1
        return (0, 0, *photo.size) if photo.getbbox() else None

    def embed(self, picture: Image.Image, box: Box) -> Tensor:
        return torch.tensor([np.asarray(picture.convert("L").crop(box)).mean()], dtype=torch.float64)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    recogniser = StandIn()
    monkeypatch.setattr(measuring, "DlibRecogniser", lambda _: recogniser)
    return recogniser


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Photos of five shades; the artist has drawn the first two each as the other, the rest as they are."""
    root = write_pairs(tmp_path / "people", list("abcde"), SIZE)
    for place, name in enumerate("abcde"):
        Image.new("RGB", SIZE, (40 * place + 20,) * 3).save(root / "photos" / f"{name}.png")
        drawn = {0: 1, 1: 0}.get(place, place)
        Image.new("L", SIZE, 40 * drawn + 20).save(root / "sketches" / f"{name}.png")
    return root


OFFLINE = ("--offline", "--device", "cpu")


def test_eval_has_the_method_beside_the_artist_in_json_table_and_report(
    command: Command, stand_in: StandIn, pairs: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    arguments = ("eval", "--data", pairs, "--predictions", "grey", "--identity", *OFFLINE)
    told = json.loads(command(*arguments, "--json", "--report", report).out)
    assert told["identity"] == {
        "method": {"rank_1": 1, "verification": None},
        "artist": {"rank_1": 0.6, "verification": None},
    }
    # A photo and its drawing are looked at once.
    assert stand_in.located == 5
    swapped = told["scores"][0]
    assert swapped["identity"]["rank"] == 1
    # Drawn as the second of five shades, it is as near to the third as to its own, the first.
    assert swapped["artist"] == {"distance": pytest.approx(40), "rank": 3, "accepted": None}
    shown = command(*arguments)
    lines = [line.split() for line in shown.out.decode().splitlines()]
    assert ["the", "grey", "photo", "1.0000", "n/a"] in lines
    assert ["the", "artist's", "own", "0.6000", "n/a"] in lines
    assert "among the 5 photos of these pairs" in shown.err
    page = report.read_text(encoding="utf-8")
    assert '<tr><th scope="row">the artist&#x27;s own</th><td>0.6000</td><td class="absent">n/a</td></tr>' in page


@pytest.mark.usefixtures("stand_in")
def test_the_csv_has_what_the_recogniser_made_of_every_pair(command: Command, pairs: Path, tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    command("eval", "--data", pairs, "--predictions", "grey", "--metrics", "l1", "--identity", "--csv", file, *OFFLINE)
    first, *_ = csv.DictReader(file.open())
    keys = [f"{who}_{what}" for who in ("identity", "artist") for what in ("distance", "rank", "accepted")]
    assert list(first)[4:] == ["l1", *keys]
    assert [first[key] for key in keys] == ["0.000000", "1", "", "40.000000", "3", ""]


def test_a_comparison_has_a_row_for_each_and_one_for_the_artist(
    command: Command, stand_in: StandIn, pairs: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(tiny_weights.read_bytes())
    shown = command("eval", "--data", pairs, "--compare", tiny_weights, other, "--identity", *OFFLINE)
    table = shown.out.decode().partition("identity, among 5 photos")[2]
    assert [line.split()[0] for line in table.splitlines() if "0." in line] == ["tiny", "other", "the"]
    assert stand_in.located == 5


def test_without_the_option_nobody_is_looked_for(command: Command, stand_in: StandIn, pairs: Path) -> None:
    shown = command("eval", "--data", pairs, "--predictions", "grey", "--json", *OFFLINE)
    assert json.loads(shown.out)["identity"] is None
    assert stand_in.located == 0
    assert "Identity" not in shown.err


def test_a_photo_without_a_face_is_named(command: Command, stand_in: StandIn, pairs: Path) -> None:
    Image.new("RGB", SIZE).save(pairs / "photos" / "c.png")
    shown = command("eval", "--data", pairs, "--predictions", "grey", "--identity", *OFFLINE)
    assert (shown.code, stand_in.located) == (1, 3)
    assert "people/c: no face found in the photo; --identity needs one in each" in shown.err


@pytest.mark.parametrize("package", ["dlib", "face_recognition_models"])
def test_a_missing_extra_is_one_line_before_anything_is_drawn(
    command: Command, pairs: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    if package == "dlib":
        monkeypatch.setitem(sys.modules, "dlib", None)
    else:
        monkeypatch.setitem(sys.modules, "dlib", object())
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    shown = command("eval", "--data", pairs, "--predictions", "grey", "--identity", *OFFLINE)
    assert shown.code == 1
    (line,) = shown.err.splitlines()
    assert f"{package} is not installed; pip install 'most-sketch[identity]'" in line


def test_dlib_knows_real_people_from_their_sketches(command: Command, tmp_path: Path) -> None:
    """The two portraits of `examples`, each with the sketch of the bundled weights where an artist's would be."""
    pytest.importorskip("dlib", reason="comes with most-sketch[identity]")
    sketcher = Sketcher.load("most-net-cufs", device="cpu", precision="fp32", offline=True)
    root = tmp_path / "people"
    for folder in ("photos", "sketches"):
        (root / folder).mkdir(parents=True)
    recogniser, seen = DlibRecogniser(torch.device("cpu")), []
    for name in ("astronaut", "grace_hopper"):
        (crop,) = sketcher.crops(read_image(EXAMPLES / f"{name}.jpg"), size=FRAME_SIZE[1], framing="face")
        sketch = sketcher.draw([crop.drawn], [0])[0]
        crop.image.save(root / "photos" / f"{name}.png")
        sketch.save(root / "sketches" / f"{name}.png")
        box = recogniser.locate(crop.image)
        assert box is not None
        assert np.allclose(box, IN_FRAME, atol=8)
        seen.append([recogniser.embed(picture, box) for picture in (crop.image, sketch)])
    (one, drawn), (other, other_drawn) = seen
    assert (one - other).norm() > SAME_PERSON
    for sketch, own, stranger in ((drawn, one, other), (other_drawn, other, one)):
        assert (sketch - own).norm() + 0.1 < (sketch - stranger).norm()
    told = json.loads(
        command("eval", "--data", root, "--weights", "most-net-cufs", "--identity", "--json", *OFFLINE).out
    )
    assert told["identity"]["method"] == told["identity"]["artist"] == {"rank_1": 1, "verification": None}
