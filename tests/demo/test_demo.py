"""The page of `most-sketch demo` without a browser: asked over HTTP by Gradio's own client."""

from __future__ import annotations

import base64
import html
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import EXAMPLES, STYLES, Command
from PIL import Image
from taught_styles import style_file

from most_sketch.checkpoints.manifest import read_manifest
from most_sketch.checkpoints.styles import MAX_STYLE
from most_sketch.checkpoints.weights import load_weights, save_weights
from most_sketch.demo import contents, markup
from most_sketch.demo import drawing as demo
from most_sketch.demo import visit as visits
from most_sketch.demo.contents import MAX_UPLOAD_MB, VIEWS
from most_sketch.demo.drawing import Drawing
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.errors import InputError
from most_sketch.photo.images import read_image

gradio_client = pytest.importorskip("gradio_client", reason="needs most-sketch[demo]")
import httpx  # noqa: E402 - comes with gradio_client

from most_sketch.demo.server import serving  # noqa: E402 - imports gradio


@pytest.fixture(scope="module")
def page(sketcher: Sketcher) -> Iterator[str]:
    """The address of a page that draws with the tiny weights."""
    with serving(sketcher) as address:
        yield address


Connect = Callable[[str], Any]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Connect:
    """Gives a client of the page at an address."""
    # The client, not the page, would ask the Hub how to introduce itself.
    monkeypatch.setattr("gradio_client.client.build_hf_headers", lambda **_: {})
    return lambda page: gradio_client.Client(
        page, verbose=False, analytics_enabled=False, download_files=str(tmp_path / "downloads")
    )


@pytest.fixture
def client(page: str, connect: Connect) -> Any:
    return connect(page)


def draw(client: Any, photo: Path | None, view: str = "Sketch", button: str = "/draw") -> dict[str, Any]:
    """What the page shows after this upload, but for buttons, which Gradio keeps from programs."""
    upload = gradio_client.handle_file(str(photo)) if photo else None
    parts = ("photo", "message", "result", "download", "archive", "styles", "faces")
    return dict(zip(parts, client.predict(upload, view, api_name=button), strict=True))


def pictures(markup: str) -> list[Image.Image]:
    """The pictures in a part of the page."""
    found = re.findall(r'src="data:image/\w+;base64,([^"]+)"', markup)
    return [Image.open(BytesIO(base64.b64decode(content))) for content in found]


def test_a_photo_becomes_the_sketch_that_the_library_draws(
    client: Any, sketcher: Sketcher, portrait: Image.Image, portrait_file: Path
) -> None:
    shown = draw(client, portrait_file)
    wanted = sketcher.sketch(portrait)
    assert [picture.tobytes() for picture in pictures(shown["result"])] == [wanted.tobytes()]
    file = Path(shown["download"]["value"])
    assert file.name == "astronaut.pencil.sketch.png"
    assert Image.open(file).tobytes() == wanted.tobytes()
    assert re.findall(r'alt="(\w+)"', shown["styles"]) == list(sketcher.styles)
    with zipfile.ZipFile(shown["archive"]["value"]) as archive:
        assert archive.namelist() == [f"astronaut.{style}.sketch.png" for style in STYLES]
        assert (
            Image.open(archive.open("astronaut.ink.sketch.png")).tobytes() == sketcher.sketch(portrait, "ink").tobytes()
        )


def test_sixteen_bits_of_grey_are_drawn_as_on_the_command_line(
    client: Any, sketcher: Sketcher, portrait: Image.Image, tmp_path: Path
) -> None:
    grey = np.asarray(portrait.convert("L"), dtype=np.uint16) * 257
    Image.fromarray(grey).save(tmp_path / "grey.png")
    shown = draw(client, tmp_path / "grey.png")
    wanted = sketcher.sketch(read_image(tmp_path / "grey.png"))
    assert [picture.tobytes() for picture in pictures(shown["result"])] == [wanted.tobytes()]
    assert np.asarray(wanted).std() > 10


def test_without_a_photo_the_page_is_as_at_first(client: Any, page: str) -> None:
    start = {part["props"].get("elem_id"): part["props"] for part in httpx.get(f"{page}config").json()["components"]}
    assert "an example" in start["message"]["value"]
    drawn, removed = draw(client, EXAMPLES / "grace_hopper.jpg"), draw(client, None)
    for part in ("result", "styles"):
        assert removed[part] == start[part]["value"] != drawn[part]
    assert "Styles of the example" in removed["styles"]
    assert not any(removed[part]["interactive"] for part in ("download", "archive"))
    assert removed["download"]["value"] is removed["archive"]["value"] is None


def test_limits_and_terms_are_said_beforehand(page: str) -> None:
    config = httpx.get(f"{page}config").text
    assert f"up to {MAX_UPLOAD_MB} MB" in config
    assert "https://arxiv.org/abs/2202.03596" in config
    assert "own licence" in contents.about(None)
    assert "research use only" in contents.about(read_manifest()["most-net"].licence)


def test_the_code_is_linked_once_the_package_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    package = Message()
    package["Project-URL"] = "Source, https://example.org/most-sketch"
    monkeypatch.setattr(contents, "metadata", lambda _: package)
    assert "[the code](https://example.org/most-sketch)" in contents.about(None)


def test_a_portrait_without_a_face_is_drawn_whole_by_a_button(client: Any, sketcher: Sketcher, tmp_path: Path) -> None:
    cartoon = Image.linear_gradient("L").resize((400, 500))
    cartoon.save(tmp_path / "cartoon.png")
    refused = draw(client, tmp_path / "cartoon.png")
    assert "--no-align" not in refused["message"]
    shown = draw(client, tmp_path / "cartoon.png", button="/draw_whole")
    assert pictures(shown["result"])[0].tobytes() == sketcher.sketch(cartoon, align=False).tobytes()


def hostile_files() -> dict[str, tuple[bytes, str]]:
    """Name, content, and what the page says of it."""
    bomb, gif, portrait = BytesIO(), BytesIO(), (EXAMPLES / "astronaut.jpg").read_bytes()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    Image.new("P", (300, 300)).save(gif, "GIF")
    return {
        "zero.jpg": (b"", "zero.jpg: empty file"),
        "text.jpg": (b"This is no picture.", "text.jpg: not a picture that can be read"),
        "cut.jpg": (portrait[: len(portrait) // 2], "cut.jpg: damaged picture"),
        "bomb.png": (bomb.getvalue(), "bomb.png: too many pixels; make it smaller first"),
        "nobody.gif": (gif.getvalue(), "nobody.gif: no face found"),
        "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.svg: not a picture that can be read"),
        "script.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "script.eps: not a picture"),
    }


@pytest.mark.parametrize("name", hostile_files())
def test_a_hostile_upload_is_answered_in_the_words_of_the_command_line(client: Any, tmp_path: Path, name: str) -> None:
    content, words = hostile_files()[name]
    (tmp_path / name).write_bytes(content)
    shown = draw(client, tmp_path / name)
    assert words in html.unescape(shown["message"])
    assert 'class="error" role="alert"' in shown["message"]
    assert "Styles of the example" in shown["styles"]
    assert shown["download"]["value"] is None


def test_a_file_beyond_the_limit_is_not_taken(page: str) -> None:
    large = {"files": ("large.jpg", bytes(MAX_UPLOAD_MB * 1024**2 + 1))}
    assert httpx.post(f"{page}gradio_api/upload", files=large, timeout=60).status_code == 413


def test_only_uploads_are_read(page: str, portrait_file: Path, tiny_weights: Path, tmp_path: Path) -> None:
    style = style_file(tmp_path / "mine.safetensors", tiny_weights)
    for file, event in ((portrait_file, "draw"), (style, "own_style")):
        answer = ask(page, {"path": str(file), "meta": {"_type": "gradio.FileData"}}, event)
        assert "event: error" in answer
        assert "sketch" not in answer


def test_no_address_in_a_request_is_fetched(page: str) -> None:
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with HTTPServer(("127.0.0.1", 0), Listener) as outside:
        threading.Thread(target=outside.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{outside.server_port}/photo.jpg"
        # Gradio itself refuses this machine's addresses, which would hide that it fetches others.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("safehttpx.get", _fetch)
            answer = ask(page, {"path": address, "url": address, "meta": {"_type": "gradio.FileData"}})
        outside.shutdown()
    assert "event: error" in answer
    assert asked == []


async def _fetch(url: str, **_: Any) -> httpx.Response:
    return httpx.get(url)


def ask(page: str, upload: dict[str, Any], event: str = "draw") -> str:
    """What the page answers to a request that no page of ours makes."""
    asked = httpx.post(f"{page}gradio_api/call/{event}", json={"data": [upload, "Sketch"]}).json()["event_id"]
    return httpx.get(f"{page}gradio_api/call/{event}/{asked}", timeout=60).text


def test_a_small_face_is_noticed(client: Any, portrait: Image.Image, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    portrait.resize((portrait.width // 4, portrait.height // 4)).save(small)
    shown = draw(client, small)
    assert "small.png: a face is small and was enlarged" in shown["message"]
    assert 'class="notice" role="status"' in shown["message"]
    assert shown["download"]["interactive"]


@pytest.fixture(scope="module")
def group(sketcher: Sketcher, tmp_path_factory: pytest.TempPathFactory) -> Drawing:
    """A photo of two people, of whom the larger face is drawn."""
    photo = Image.new("RGB", (1112, 600), "white")
    for index, name in enumerate(("astronaut.jpg", "grace_hopper.jpg")):
        photo.paste(read_image(EXAMPLES / name), (index * 600, 0))
    path = tmp_path_factory.mktemp("group") / "group.png"
    photo.save(path)
    return demo.draw_photo(sketcher, path)


def test_a_chosen_face_is_drawn_once(sketcher: Sketcher, group: Drawing) -> None:
    assert [crop.face is not None for crop in group.crops] == [True, True]
    other = demo.show_face(sketcher, group, 1 - group.face)
    assert other.picture(0).tobytes() == sketcher.draw_crops([group.crops[1 - group.face]], [0])[0].tobytes()
    assert demo.show_face(sketcher, other, group.face).sketches[group.face] is group.sketches[group.face]


def test_all_faces_in_all_styles_are_one_archive(sketcher: Sketcher, group: Drawing) -> None:
    both = demo.draw_faces(sketcher, group, group.undrawn)
    assert both.undrawn == []
    with zipfile.ZipFile(BytesIO(demo.archive(both, STYLES, "side-by-side"))) as archive:
        names = [f"group.{face}.{style}.side-by-side.sketch.png" for face in (1, 2) for style in STYLES]
        assert archive.namelist() == names
        first = both.crops[0].image
        assert Image.open(archive.open(names[0])).size == (2 * first.width, first.height)
    with zipfile.ZipFile(BytesIO(demo.archive(both, STYLES, "photo"))) as archive:
        assert archive.namelist() == [f"group.{style}.photo.sketch.png" for style in STYLES]


def test_in_the_photo_are_the_faces_that_are_drawn(sketcher: Sketcher, group: Drawing) -> None:
    def is_blank(drawing: Drawing) -> list[bool]:
        paper = drawing.picture(0, "photo")
        assert paper.size == (1112, 600)
        return [paper.crop((left, 0, left + 512, 600)).getextrema() == (255, 255) for left in (0, 600)]

    assert is_blank(group) == [face != group.face for face in (0, 1)]
    assert is_blank(demo.draw_faces(sketcher, group, group.undrawn)) == [False, False]


def test_every_view_has_words_for_who_cannot_see_it(group: Drawing) -> None:
    views = {view: contents.result(group, STYLES, 1, view) for view in VIEWS}
    assert all("Sketch in the style ink" in views[view] for view in VIEWS if view != "Photo")
    assert re.findall(r'alt="([^"]*)"', views["Compare"]) == ["Photo of the face", "Sketch in the style ink"]
    assert 'type="range"' in views["Compare"]
    assert re.findall(r'alt="([^"]*)"', contents.face_choices(group, 0)) == ["face 1", "face 2"]


def test_a_style_that_was_taught_is_on_the_page_and_on_its_own_paper(
    tiny_weights: Path, connect: Connect, portrait_file: Path, tmp_path: Path
) -> None:
    file = style_file(tmp_path / "mine.safetensors", tiny_weights, paper=-1.0)
    taught = Sketcher.load(tiny_weights, "cpu", "fp32", styles=[file])
    with serving(taught) as address:
        shown = draw(connect(address), portrait_file, "In the photo")
    assert re.findall(r'alt="(\w+)"', shown["styles"]) == [*STYLES, "chalk"]
    with zipfile.ZipFile(shown["archive"]["value"]) as archive:
        corners = [Image.open(archive.open(name)).getpixel((0, 0)) for name in archive.namelist()]
    assert corners == [255, 255, 0]


def add_style(client: Any, file: Path | None) -> dict[str, Any]:
    """As `draw`, of a style that is dropped on the page, or removed."""
    upload = gradio_client.handle_file(str(file)) if file else None
    parts = ("photo", "message", "result", "download", "archive", "styles", "faces", "own")
    return dict(zip(parts, client.predict(upload, "Sketch", api_name="/own_style"), strict=True))


def names_of(choices: str) -> tuple[list[str], list[str]]:
    """The styles on the page, and those that are chosen."""
    chosen = re.findall(r'aria-pressed="true"><img [^>]*alt="(\w+)"', choices)
    return re.findall(r'alt="(\w+)"', choices), chosen


def test_a_dropped_style_draws_for_its_visitor_alone(
    page: str, connect: Connect, tiny_weights: Path, portrait: Image.Image, portrait_file: Path, tmp_path: Path
) -> None:
    file = style_file(tmp_path / "mine.safetensors", tiny_weights)
    wanted = Sketcher.load(tiny_weights, "cpu", "fp32", styles=[file]).sketch(portrait, "chalk").tobytes()
    visitor, other = connect(page), connect(page)

    # The example first, then a photo: in the new style, which is chosen.
    added = add_style(visitor, file)
    assert names_of(added["styles"]) == ([*STYLES, "chalk"], ["chalk"])
    assert "The example is drawn in chalk too" in added["message"]
    drawn = draw(visitor, portrait_file)
    assert [picture.tobytes() for picture in pictures(drawn["result"])] == [wanted]
    assert Path(drawn["download"]["value"]).name == "astronaut.chalk.sketch.png"
    with zipfile.ZipFile(drawn["archive"]["value"]) as archive:
        assert archive.namelist() == [f"astronaut.{style}.sketch.png" for style in (*STYLES, "chalk")]
        assert Image.open(archive.open("astronaut.chalk.sketch.png")).tobytes() == wanted
    assert names_of(draw(other, portrait_file)["styles"]) == (list(STYLES), ["pencil"])

    # Dropped on a photo: that is drawn in it. Another takes the place of the first, and goes again.
    file = style_file(tmp_path / "yours.safetensors", tiny_weights, "wash", paper=-1.0)
    for client in (visitor, other):
        again = add_style(client, file)
        assert names_of(again["styles"]) == ([*STYLES, "wash"], ["wash"])
        assert "astronaut.jpg, drawn in wash" in again["message"]
    removed = add_style(visitor, None)
    assert names_of(removed["styles"]) == (list(STYLES), ["pencil"])
    assert "astronaut.jpg, drawn in pencil" in removed["message"]


def refused_styles(folder: Path, weights: Path) -> dict[str, str]:
    """Files in a folder, and what the page says of them."""
    style = style_file(folder / "mine.safetensors", weights).read_bytes()
    (folder / "cut.safetensors").write_bytes(style[:-1])
    (folder / "large.safetensors").write_bytes(style + bytes(MAX_STYLE))
    (folder / "junk.txt").write_text("This is no style.")
    (folder / "empty").write_bytes(b"")
    (folder / "weights.safetensors").write_bytes(weights.read_bytes())
    style_file(folder / "name.safetensors", weights, "ink")
    save_weights(folder / "others.safetensors", load_weights(weights), torch.float16)
    style_file(folder / "other.safetensors", folder / "others.safetensors")
    return {
        "cut.safetensors": "cut.safetensors: not a safetensors file",
        "large.safetensors": "large.safetensors: larger than the 16 MiB that a style may have",
        "junk.txt": "junk.txt: not a safetensors file",
        "empty": "empty: not a safetensors file",
        "weights.safetensors": "weights.safetensors: not a style of most-sketch",
        "name.safetensors": "name.safetensors: the weights have a style ink already",
        "other.safetensors": "other.safetensors: the style chalk belongs to the weights others.safetensors",
    }


UNTOUCHED = ({"__type__": "update"}, {"props": {"__type__": "update"}, "__type__": "update"})
"""What programs are told of a part of the page that stays as it is."""


def test_what_is_no_style_of_these_weights_is_one_line_and_changes_nothing(
    client: Any, tiny_weights: Path, portrait_file: Path, tmp_path: Path
) -> None:
    before = draw(client, portrait_file)
    for name, words in refused_styles(tmp_path, tiny_weights).items():
        shown = add_style(client, tmp_path / name)
        assert f'<p class="refused" role="alert"><strong>Not added</strong> {words}' in html.unescape(shown["message"])
        assert shown["message"].count("\n") == 0
        assert os.environ["GRADIO_TEMP_DIR"] not in shown["message"]
        assert shown["own"] is None
        assert all(shown[part] in UNTOUCHED for part in ("photo", "result", "download", "archive", "styles", "faces"))
    assert draw(client, portrait_file)["styles"] == before["styles"]


def test_a_visitor_holds_one_style_and_what_is_drawn_already_is_not_drawn_again(
    sketcher: Sketcher, tiny_weights: Path, group: Drawing, tmp_path: Path
) -> None:
    visit = visits.Visit(sketcher, group, demo.draw_faces(sketcher, group, group.undrawn), style=1)
    for name in ("chalk", "wash"):
        file = style_file(tmp_path / f"{name}.safetensors", tiny_weights, name, paper=-1.0)
        visit = visits.with_style(visit, sketcher, file)
        assert visit.sketcher.styles == (*STYLES, name)
        assert visit.style == 2
    assert visit.example.papers == (255, 255, 0)
    assert visit.example.sketches.keys() == {group.face}
    assert visit.drawing is not None
    for face, sketches in visit.drawing.sketches.items():
        wanted = visit.sketcher.draw_crops([group.crops[face]], [2])[0]
        assert sketches[2].tobytes() == wanted.tobytes()
    assert visit.shown.sketches[group.face][0] is group.sketches[group.face][0]
    for chosen, kept in ((2, 0), (1, 1)):
        without = visits.without_style(replace(visit, style=chosen), sketcher)
        assert (without.sketcher, without.style, without.shown.papers) == (sketcher, kept, sketcher.papers)
        assert [len(sketches) for sketches in without.shown.sketches.values()] == [2, 2]


def test_names_cannot_break_the_page() -> None:
    said = markup.message("<script>alert(1)</script>.jpg: empty file", "error")
    assert "<script>" not in said


def test_nothing_is_left_when_the_page_is_served_no_more(
    sketcher: Sketcher, portrait_file: Path, connect: Connect
) -> None:
    with serving(sketcher) as address:
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        draw(connect(address), portrait_file)
        assert list(folder.rglob("astronaut.pencil.sketch.png"))
    assert not folder.exists()


def test_no_other_machine_is_asked(
    sketcher: Sketcher, portrait_file: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[str] = set()
    find = socket.getaddrinfo

    def record(host: str, *arguments: Any, **options: Any) -> Any:
        asked.add(host)
        return find(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", record)
    with serving(sketcher) as address:
        draw(connect(address), portrait_file)
    assert asked == {"127.0.0.1"}


def test_a_port_in_use_is_said(sketcher: Sketcher, page: str) -> None:
    port = int(page.rstrip("/").rpartition(":")[2])
    with pytest.raises(InputError, match=f"127.0.0.1:{port}.*choose another"), serving(sketcher, port=port):
        pass


def test_without_gradio_the_command_says_how_to_get_it(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    for module in ("page", "server"):
        monkeypatch.delitem(sys.modules, f"most_sketch.demo.{module}")
    answer = command("demo", "--no-browser")
    assert answer.code == 1
    assert "pip install 'most-sketch[demo]'" in answer.err


def test_a_style_that_cannot_be_used_is_said_before_the_page_opens(command: Command, tiny_weights: Path) -> None:
    answer = command("demo", "--no-browser", "--weights", tiny_weights, "--style", tiny_weights)
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "not a style of most-sketch" in answer.err


def test_the_command_serves_until_it_is_told_to_end(tiny_weights: Path, tmp_path: Path) -> None:
    arguments = ["demo", "--no-browser", "--device", "cpu", "--weights", str(tiny_weights)]
    process = subprocess.Popen(
        [sys.executable, "-m", "most_sketch", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        # A proxy of a kind that Gradio's client does not know, and does not need.
        env={**os.environ, "TMPDIR": str(tmp_path), "ALL_PROXY": "socks5://127.0.0.1:9"},
    )
    with process:
        assert process.stderr is not None
        assert any("the page is at http://127.0.0.1:" in line for line in process.stderr)
        assert list(tmp_path.glob("most-sketch-*"))
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert not list(tmp_path.glob("most-sketch-*"))


def test_other_commands_do_not_import_gradio(tmp_path: Path) -> None:
    code = "import sys, most_sketch.cli, most_sketch.drawing.batch; sys.exit('gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0
