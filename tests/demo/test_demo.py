"""The page of `most-sketch demo` without a browser: asked over HTTP by Gradio's own client."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from conftest import EXAMPLES, Command
from PIL import Image

from most_sketch.drawing.sketcher import Sketcher

gradio_client = pytest.importorskip("gradio_client", reason="needs most-sketch[demo]")
import httpx  # noqa: E402 - comes with gradio_client

from most_sketch.demo import drawing as demo  # noqa: E402
from most_sketch.demo.server import serving  # noqa: E402 - imports gradio
from most_sketch.errors import InputError  # noqa: E402


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


def draw(client: Any, photo: Path, cropped: bool = False) -> dict[str, Any]:
    """What the page shows after this upload."""
    upload = gradio_client.handle_file(str(photo))
    names = ("photo", "message", "faces", "slider", "download", "styles")
    return dict(zip(names, client.predict(upload, cropped, api_name="/draw"), strict=True))


def test_a_photo_becomes_the_sketch_that_the_library_draws(
    client: Any, sketcher: Sketcher, portrait: Image.Image, portrait_file: Path
) -> None:
    shown = draw(client, portrait_file)
    wanted = sketcher.sketch(portrait)
    assert Image.open(shown["slider"][1]).convert("L").tobytes() == wanted.tobytes()
    file = Path(shown["download"]["value"])
    assert file.name == "astronaut.sketch.png"
    assert Image.open(file).tobytes() == wanted.tobytes()
    assert [picture["caption"] for picture in shown["styles"]["value"]] == list(sketcher.styles)


def test_a_photo_that_is_cropped_already_is_drawn_whole(client: Any, sketcher: Sketcher, portrait_file: Path) -> None:
    shown = draw(client, portrait_file, cropped=True)
    with Image.open(portrait_file) as photo:
        assert Image.open(shown["slider"][0]).convert("RGB").tobytes() == sketcher.fit(photo).image.tobytes()


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
    assert words in shown["message"]["value"]
    assert shown["message"]["visible"]
    assert shown["slider"] is None


def test_only_uploads_are_read(page: str, portrait_file: Path) -> None:
    answer = ask(page, {"path": str(portrait_file), "meta": {"_type": "gradio.FileData"}})
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


def ask(page: str, upload: dict[str, Any]) -> str:
    """What the page answers to a request that no page of ours makes."""
    event = httpx.post(f"{page}gradio_api/call/draw", json={"data": [upload, False]}).json()["event_id"]
    return httpx.get(f"{page}gradio_api/call/draw/{event}", timeout=60).text


def test_a_small_face_is_noticed(client: Any, portrait: Image.Image, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    portrait.resize((portrait.width // 4, portrait.height // 4)).save(small)
    shown = draw(client, small)
    assert "small.png: a face is small and was enlarged" in shown["message"]["value"]
    assert shown["slider"] is not None


def test_the_face_nearest_to_the_touch_is_drawn(sketcher: Sketcher, tmp_path: Path) -> None:
    both = Image.new("RGB", (1112, 600), "white")
    for index, name in enumerate(("astronaut.jpg", "grace_hopper.jpg")):
        with Image.open(EXAMPLES / name) as photo:
            both.paste(photo, (index * 600, 0))
    both.save(tmp_path / "both.png")
    drawing = demo.draw_photo(sketcher, tmp_path / "both.png", align=True)
    assert len(drawing.crops) == 2
    assert drawing.shown.width == demo.SHOWN_SIDE
    assert [demo.nearest_face(drawing, x, 100) for x in (0, drawing.shown.width)] == [0, 1]
    other = demo.draw_face(sketcher, drawing, 1 - drawing.face)
    assert other.sketches[0].tobytes() != drawing.sketches[0].tobytes()


def test_nothing_is_left_when_the_page_is_served_no_more(
    sketcher: Sketcher, portrait_file: Path, connect: Connect
) -> None:
    with serving(sketcher) as address:
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        draw(connect(address), portrait_file)
        assert list(folder.rglob("astronaut.sketch.png"))
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


def test_the_command_serves_until_it_is_told_to_end(tiny_weights: Path, tmp_path: Path) -> None:
    arguments = ["demo", "--no-browser", "--device", "cpu", "--weights", str(tiny_weights)]
    process = subprocess.Popen(
        [sys.executable, "-m", "most_sketch", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
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
