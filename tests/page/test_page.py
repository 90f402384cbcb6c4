"""The page as a person meets it, in headless Chromium; drawn with a small network that has all parts there are."""

from __future__ import annotations

import base64
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import EXAMPLES, STYLES
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps
from taught_styles import style_file
from visitors import DESK, PATIENCE, PHONE, Visitor, a_visitor

from most_sketch.drawing.sketcher import Sketcher
from most_sketch.page.server import serving
from most_sketch.page.site import make_site
from most_sketch.photo.frame import on_paper
from most_sketch.photo.images import read_image


@pytest.fixture(scope="module")
def site(onnx_weights: Path) -> dict[str, bytes]:
    return make_site(onnx_weights)


@pytest.fixture(scope="module")
def address(site: dict[str, bytes]) -> Iterator[str]:
    with serving(site) as address:
        yield address


@pytest.fixture(scope="module")
def python(onnx_weights: Path) -> Sketcher:
    """What the page is to draw as."""
    return Sketcher.load(onnx_weights, "cpu", engine="onnx")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    with a_visitor(tmp_path_factory.mktemp("browser")) as visitor:
        yield visitor


@pytest.fixture
def visitor(browser: Visitor, address: str) -> Visitor:
    """Somebody who has just come, at a desk and in daylight."""
    browser.window(DESK)
    browser.prefers(color_scheme="light")
    browser.complaints()
    browser.open(address)
    return browser


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of two people, with a name that is not in Latin-1."""
    both = Image.new("RGB", (1112, 600), "white")
    for index, name in enumerate(("astronaut.jpg", "grace_hopper.jpg")):
        both.paste(read_image(EXAMPLES / name), (index * 600, 0))
    path = tmp_path_factory.mktemp("photos") / "Grüße 你好.png"
    both.save(path)
    return path


def levels(picture: Image.Image | bytes) -> NDArray[np.int64]:
    opened = Image.open(io.BytesIO(picture)) if isinstance(picture, bytes) else picture
    return np.asarray(opened.convert("L")).astype(np.int64)


def difference(one: Image.Image | bytes, other: Image.Image | bytes) -> float:
    """In grey levels, on average; of pictures of two sizes there is none."""
    first, second = levels(one), levels(other)
    assert first.shape == second.shape
    assert np.ptp(second) > 20
    return float(np.abs(first - second).mean())


def portrait_of(name: str) -> Image.Image:
    return read_image(EXAMPLES / name)


PHOTOS: dict[str, Callable[[Path], object]] = {
    "astronaut.jpg": lambda path: path.write_bytes((EXAMPLES / "astronaut.jpg").read_bytes()),
    "grace.jpg": lambda path: path.write_bytes((EXAMPLES / "grace_hopper.jpg").read_bytes()),
    "small.png": lambda path: portrait_of("astronaut.jpg").resize((200, 200)).save(path),
    "large.jpg": lambda path: portrait_of("grace_hopper.jpg").resize((1280, 1500)).save(path),
    "grey.png": lambda path: portrait_of("astronaut.jpg").convert("L").save(path),
    "alpha.png": lambda path: _with_alpha(portrait_of("astronaut.jpg")).save(path),
    "palette.gif": lambda path: portrait_of("grace_hopper.jpg").quantize(64).save(path),
    "turned.jpg": lambda path: _turned_by_exif(portrait_of("astronaut.jpg"), path, 6),
    "mirrored.jpg": lambda path: _turned_by_exif(portrait_of("grace_hopper.jpg"), path, 5),
    "lying.png": lambda path: portrait_of("grace_hopper.jpg").rotate(90, expand=True).save(path),
    "tilted.webp": lambda path: portrait_of("astronaut.jpg").rotate(20, fillcolor="grey").save(path, lossless=True),
    "cut.png": lambda path: portrait_of("astronaut.jpg").crop((150, 60, 330, 300)).save(path),
    "wide.png": lambda path: ImageOps.expand(portrait_of("astronaut.jpg"), (900, 0), "white").save(path),
    "wrong.jpg": lambda path: portrait_of("grace_hopper.jpg").save(path, "BMP"),
}
"""The examples, and what photos can be: turned, small, large, grey, with alpha, of other formats than they say."""


def _with_alpha(photo: Image.Image) -> Image.Image:
    photo.putalpha(Image.linear_gradient("L").rotate(180).resize(photo.size).point(lambda level: min(255, 2 * level)))
    return photo


def _turned_by_exif(photo: Image.Image, path: Path, orientation: int) -> None:
    """A photo that lies as a camera stores it, with the note of how it is to be turned."""
    back = {6: Image.Transpose.ROTATE_90, 5: Image.Transpose.TRANSPOSE}
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo.transpose(back[orientation]).save(path, exif=exif, quality=95)


def choose(visitor: Visitor, name: str, value: str) -> None:
    visitor.touch(f"#{name} option[value={value}]")


HEAR = """
window.heard = [];
new MutationObserver(() => window.heard.push([
  document.body.dataset.state,
  document.querySelector('#status').textContent,
  getComputedStyle(document.querySelector('#progress')).visibility,
])).observe(document.querySelector('#status'), {childList: true});
"""
"""Keeps what the page says, with its state and whether the bar is seen: some of it is gone at once."""

LIBRARY = """
const [address, contents, options, done] = arguments;
(async () => {
  const {Sketcher} = await import(address + 'most-sketch.js');
  window.library ??= await Sketcher.load();
  const blob = new Blob([Uint8Array.from(atob(contents), letter => letter.charCodeAt(0))]);
  const {sketch, placement, face} = await window.library.sketch(blob, options);
  const bytes = new Uint8Array(await sketch.arrayBuffer());
  done([btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join('')), placement, face]);
})().catch(error => done(['', String(error), null]));
"""


def test_draws_what_convert_draws(
    browser: Visitor, address: str, python: Sketcher, tmp_path: Path, group: Path
) -> None:
    """By the library alone, on an empty page of the site."""
    browser.browser.get(f"{address}page.webmanifest")
    for name, make in PHOTOS.items():
        path = tmp_path / name
        make(path)
        photo = base64.b64encode(path.read_bytes()).decode()
        sketch, placement, face = browser.browser.execute_async_script(LIBRARY, address, photo, {"style": "ink"})
        assert sketch, (name, placement)
        wanted = python.sketch(read_image(path), "ink")
        assert difference(base64.b64decode(sketch), wanted) < 1, name
        assert face == 0
    # Another size, another face of a group, and a picture as it is.
    photo = base64.b64encode(group.read_bytes()).decode()
    image = read_image(group)
    crops = python.crops(image, None, size=500)
    assert crops[1].size == (400, 500)
    whole = python.sketch(image, align=False)
    (close,) = python.crops(image, 1, framing="face")
    for options, wanted in (
        ({"framing": "face", "finish": "none"}, python.draw_crops([close], [0], "none")[0]),
        ({"size": 500, "face": 1}, python.draw_crops([crops[1]], [0])[0]),
        ({"face": None}, whole),
    ):
        sketch, *_ = browser.browser.execute_async_script(LIBRARY, address, photo, options)
        assert difference(base64.b64decode(sketch), wanted) < 1, options


def test_a_visit_at_a_desk(visitor: Visitor, python: Sketcher, group: Path) -> None:
    """One long test: each visit costs a load of the networks."""
    # At first the examples, with their sketches.
    assert len(visitor.all("#pane .example .compare")) == 2
    assert visitor.script("return [...document.images].every(image => image.complete && image.naturalWidth)")
    assert not visitor.find("#download").is_enabled()

    # A portrait is dropped beside everything; nothing has moved when its sketch is there.
    photo = EXAMPLES / "astronaut.jpg"
    before = [visitor.place(part) for part in ("#photos h2", "#stage", "#views")]
    visitor.script(HEAR)
    visitor.drop(photo)
    visitor.until_state("drawn")
    heard = visitor.script("return window.heard")
    assert ["drawing", "Looking for faces in astronaut.jpg", "visible"] in heard
    assert ["drawing", "Drawing astronaut.jpg", "visible"] in heard
    assert [visitor.place(part) for part in ("#photos h2", "#stage", "#views")] == before
    visitor.says("astronaut.jpg, drawn in pencil")
    assert all(visitor.is_in_the_window(part) for part in ("#pane img", "#views", "#download", "#print"))
    wanted = python.sketch(read_image(photo))
    assert difference(visitor.seen(), wanted) < 1
    assert difference(Image.open(visitor.download()), wanted) < 1

    # A second is dropped, of two faces: the largest is drawn, and the first is still there.
    visitor.drop(group, on="#pane")
    visitor.says("Grüße 你好.png, face 2 of 2, drawn in pencil")
    assert len(visitor.all("#cards label")) == 2
    crops = python.crops(read_image(group), None)
    sketches = python.draw_crops(crops, [0, 0])
    assert difference(visitor.seen(), sketches[1]) < 1
    visitor.touch("#faces input[value='0']")
    visitor.says("face 1 of 2, drawn")
    assert difference(visitor.seen(), sketches[0]) < 1
    visitor.touch("#faces input[value=all]")
    visitor.says("2 faces drawn in pencil")
    with zipfile.ZipFile(visitor.download()) as archive:
        assert sorted(archive.namelist()) == [f"Grüße 你好.{face}.pencil.sketch.png" for face in (1, 2)]
        assert archive.testzip() is None
        for sketch, name in zip(sketches, sorted(archive.namelist()), strict=True):
            assert difference(archive.read(name), sketch) < 1

    # In the photo.
    visitor.touch("#views input[value=photo]")
    visitor.until(lambda: len(visitor.all("#pane img")) == 1)
    size = read_image(group).size
    assert difference(visitor.seen(), on_paper(size, sketches, [crop.placement for crop in crops])) < 1

    # Both photos together.
    visitor.touch("#views input[value=sketch]")
    with zipfile.ZipFile(visitor.download("#download-all")) as archive:
        assert len(archive.namelist()) == 3

    # Another style, by its picture of this face, and the keyboard.
    visitor.touch("#faces input[value='1']")
    visitor.says("face 2 of 2, drawn")
    visitor.until(lambda: len(visitor.all("#styles img")) == len(STYLES))
    visitor.find("#styles input[value=pencil]").send_keys("\ue014")  # arrow right
    visitor.says("drawn in ink")
    assert difference(visitor.seen(), python.draw_crops([crops[1]], [1])[0]) < 1

    # Before and after, under a slider that arrows move; side by side.
    visitor.touch("#views input[value=slider]")
    slider = visitor.find("#pane input[type=range]")
    slider.send_keys("\ue014")
    assert visitor.script("return document.querySelector('#pane .compare').style.getPropertyValue('--photo')") == "51%"
    visitor.touch("#views input[value=sides]")
    sides = Image.open(visitor.download())
    assert sides.size == (2 * crops[1].size[0], crops[1].size[1])
    visitor.touch("#views input[value=sketch]")

    # Transparent paper, and JPEG.
    visitor.script("document.querySelector('#format').value = 'transparent'")
    ink = Image.open(visitor.download())
    sketch = python.draw_crops([crops[1]], [1])[0]
    assert ink.mode == "LA"
    assert np.abs(255 - np.asarray(ink.getchannel("A")).astype(int) - levels(sketch)).max() <= 2
    visitor.script("document.querySelector('#format').value = 'jpeg'")
    assert Image.open(visitor.download()).format == "JPEG"

    # A size of one's own, the face close, no fading, and the whole picture.
    visitor.find("#size").send_keys("500")
    visitor.says("400 x 500 pixels")
    choose(visitor, "framing", "face")
    choose(visitor, "finish", "none")
    (close,) = python.crops(read_image(group), 1, size=500, framing="face")
    visitor.until(lambda: difference(visitor.seen(), python.draw_crops([close], [1], "none")[0]) < 1)
    choose(visitor, "whole", "whole")
    visitor.says("Grüße 你好.png, drawn in ink")
    choose(visitor, "whole", "face")
    choose(visitor, "framing", "portrait")
    choose(visitor, "finish", "fade")
    visitor.says("face 2 of 2, drawn in ink, 400 x 500")

    # A wrong drop is undone.
    visitor.drop(EXAMPLES / "grace_hopper.jpg")
    visitor.says("grace_hopper.jpg, drawn in ink")
    visitor.touch("#undo")
    visitor.says("Grüße 你好.png, face 2 of 2, drawn in ink")
    assert len(visitor.all("#cards label")) == 2

    # One is removed, and is there again.
    visitor.touch("#remove")
    visitor.says("astronaut.jpg, drawn in ink")
    visitor.touch("#undo")
    visitor.says("Grüße 你好.png, face 2 of 2, drawn in ink")

    # Copied, and pasted again.
    visitor.browser.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    visitor.touch("#copy")
    visitor.says("in the clipboard")
    visitor.paste(EXAMPLES / "grace_hopper.jpg")
    visitor.says("grace_hopper.jpg, drawn in ink")
    assert visitor.complaints() == []


def test_what_cannot_be_drawn_is_one_line(
    visitor: Visitor, python: Sketcher, tmp_path: Path, onnx_weights: Path, tiny_weights: Path
) -> None:
    visitor.drop(EXAMPLES / "astronaut.jpg")
    visitor.until_state("drawn")
    shown = visitor.seen()

    bomb = bytearray((EXAMPLES / "astronaut.jpg").read_bytes())
    frame = bomb.index(b"\xff\xc0")
    bomb[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    contents = {
        "text.jpg": (b"This is no picture.", "not a picture that can be read"),
        "empty.png": (b"", "an empty file"),
        "script.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "not a picture"),
        "cut.png": ((EXAMPLES.parent / "docs/images/taught.png").read_bytes()[:200], "a damaged picture"),
        "bomb.jpg": (bytes(bomb), "65535 x 65535 pixels are more than the 100 million"),
        # What draws in them is a page that is made with them.
        "mine.safetensors": (
            style_file(tmp_path / "chalk.safetensors", tiny_weights).read_bytes(),
            "a style, not a photo; `most-sketch demo --style mine.safetensors`",
        ),
        "own.safetensors": (onnx_weights.read_bytes(), "`most-sketch demo --weights own.safetensors`"),
    }
    for name, (content, words) in contents.items():
        (tmp_path / name).write_bytes(content)
        visitor.drop(tmp_path / name)
        visitor.until_state("error")
        assert visitor.error().startswith(f"{name}: ")
        assert words in visitor.error()
        assert "\n" not in visitor.error()
        # The sketch before is there as it was, and so is what can be done with it.
        assert visitor.seen() == shown
        assert visitor.find("#download").is_enabled()
        visitor.touch("#dismiss")
        visitor.until_state("drawn")

    # Without a face: drawn whole, if that is wanted.
    cartoon = Image.new("RGB", (300, 400), "white")
    ImageDraw.Draw(cartoon).rectangle((100, 100, 200, 300), fill="black")
    cartoon.save(tmp_path / "cartoon.png")
    visitor.drop(tmp_path / "cartoon.png")
    visitor.until_state("error")
    assert visitor.error() == "cartoon.png: no face found"
    assert visitor.seen() == shown
    visitor.touch("#remedy")
    visitor.says("cartoon.png, drawn in pencil")
    assert difference(visitor.seen(), python.sketch(cartoon, align=False)) < 1

    # Text that is dragged onto the page is no file.
    visitor.script("""
        const data = new DataTransfer();
        data.setData('text/plain', 'hello');
        document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
    """)
    visitor.until_state("error")
    assert "no file" in visitor.error()
    assert visitor.complaints() == []


def test_the_camera(visitor: Visitor) -> None:
    visitor.touch("#camera")
    visitor.until(lambda: visitor.script("return document.querySelector('#video').videoWidth"))
    visitor.touch("#take")
    # A test picture has no face.
    visitor.until_state("error")
    assert visitor.error() == "camera.jpg: no face found"
    assert visitor.script("return document.querySelector('#video').srcObject") is None


def test_on_a_phone(browser: Visitor, address: str, group: Path) -> None:
    browser.window(PHONE, touch=True)
    browser.open(address)
    browser.choose(group)
    browser.says("face 2 of 2, drawn in pencil")
    # The window has moved to the sketch and its buttons.
    for part in ("#pane img", "#views", "#download", "#print"):
        browser.until(lambda part=part: browser.is_in_the_window(part))
    browser.touch("#styles input[value=ink]")
    browser.says("drawn in ink")
    browser.touch("#views input[value=sides]")
    assert Image.open(browser.download()).size == (2 * 480, 600)
    browser.touch("#views input[value=sketch]")
    browser.drop(EXAMPLES / "astronaut.jpg")
    browser.says("astronaut.jpg, drawn in ink")
    browser.touch("#cards label:first-child input")
    browser.says("Grüße 你好.png, face 2 of 2, drawn in ink")
    browser.touch("#undo")
    browser.touch("#faces input[value=all]")
    browser.says("2 faces drawn in ink")


def test_shared_where_the_device_can(browser: Visitor, address: str) -> None:
    """A desk's Chromium cannot: what a phone has stands here instead of it."""
    phone = """
        navigator.canShare = ({files}) => files.length > 0;
        navigator.share = async ({files}) => {
          window.shared = files.map(({name, type, size}) => [name, type, size]);
          if (window.refused) throw new DOMException('not now', window.refused);
        };
    """
    added = browser.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": phone})
    try:
        browser.open(address)
        # An example is drawn as any photo.
        browser.touch("[data-example=astronaut] button")
        browser.says("astronaut.jpg, drawn in pencil")
        browser.touch("#share")
        ((name, kind, size),) = browser.until(lambda: browser.script("return window.shared"))
        assert (name, kind) == ("astronaut.pencil.sketch.png", "image/png")
        assert size > 1000
        # Somebody who changes their mind is told nothing, anybody else why it did not go.
        for refused, said in (("AbortError", "drawn"), ("NotAllowedError", "error")):
            browser.script("[window.shared, window.refused] = [undefined, arguments[0]]", refused)
            browser.touch("#share")
            browser.until(lambda: browser.script("return window.shared"))
            browser.until_state(said)
        assert "not now" in browser.error()
    finally:
        browser.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_fits_and_can_be_touched_and_read(
    browser: Visitor, address: str, group: Path, width: int, scheme: str
) -> None:
    if browser.browser.current_url != address or not browser.all("#faces label"):
        browser.open(address)
        browser.choose(EXAMPLES / "astronaut.jpg", group)
        browser.until_state("drawn")
        browser.touch("#cards label:last-child input")
        browser.says("face 2 of 2, drawn")
    browser.window((width, 900), touch=width < 768)
    # Without motion: colours that are still changing are neither.
    browser.prefers(color_scheme=scheme, reduced_motion="reduce")
    assert browser.script("return document.documentElement.scrollWidth") <= width
    # Touch targets of 44 pixels.
    small = browser.script("""
        return [...document.querySelectorAll('button, select, #cards label, #styles label, #faces label, #views label')]
          .filter(part => part.checkVisibility())
          .map(part => [part.textContent, part.getBoundingClientRect()])
          .filter(([, box]) => box.width < 44 || box.height < 44).map(([text, box]) => [text, box.width, box.height]);
    """)
    assert small == []
    # Contrast of all words: 4.5 to 1.
    assert browser.script(CONTRAST) == []


CONTRAST = """
const luminance = (colour) => {
  const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(value => {
    value /= 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (part) => {
  for (; part; part = part.parentElement) {
    const colour = getComputedStyle(part).backgroundColor;
    if (colour !== 'rgba(0, 0, 0, 0)') return colour;
  }
  return 'rgb(255, 255, 255)';
};
const faint = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const part = node.parentElement;
  if (!node.textContent.trim() || !part.checkVisibility() || part.closest(':disabled, noscript, .skip')) continue;
  const [one, other] = [luminance(getComputedStyle(part).color), luminance(ground(part))].sort((a, b) => b - a);
  const ratio = (one + 0.05) / (other + 0.05);
  if (ratio < 4.5) faint.push([node.textContent, ratio]);
}
return faint;
"""


def test_with_the_keyboard_alone(visitor: Visitor, group: Path) -> None:
    """One stop for each choice, each with a name, and seen where it is."""
    visitor.choose(EXAMPLES / "astronaut.jpg", group)
    visitor.until_state("drawn")
    from selenium.webdriver import ActionChains

    visitor.script("document.body.focus()")
    stops = []
    for _ in range(40):
        ActionChains(visitor.browser).send_keys("\ue004").perform()  # tab
        part = visitor.browser.switch_to.active_element
        if part.tag_name == "body":
            break
        outlined = visitor.script(
            "return [arguments[0], arguments[0].closest('label, .compare')].some(part => part && "
            "getComputedStyle(part).outlineStyle !== 'none')",
            part,
        )
        assert outlined, part.get_attribute("outerHTML")
        assert part.accessible_name, part.get_attribute("outerHTML")
        stops.append(part.get_attribute("name") or part.get_attribute("id") or part.tag_name)
    assert stops == [
        "a", "choose", "camera", "card", "remove", "undo", "view", "format", "download", "copy", "print",
        "download-all", "style", "whole", "framing", "finish", "size", "a",
    ]  # fmt: skip


def test_the_sketch_alone_is_printed(visitor: Visitor) -> None:
    visitor.drop(EXAMPLES / "astronaut.jpg")
    visitor.until_state("drawn")
    visitor.touch("#views input[value=slider]")
    visitor.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    seen = visitor.script(
        "return [...document.querySelectorAll('button, p, h1, h2, label, input, img')]"
        ".filter(part => part.checkVisibility()).map(part => part.alt ?? part.outerHTML)"
    )
    visitor.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert seen == ["Sketch of astronaut.jpg in the style pencil"]
    printed = visitor.browser.execute_cdp_cmd("Page.printToPDF", {})["data"]
    assert base64.b64decode(printed).count(b"/Type /Page\n") == 1


NETWORKS = "/networks.bin"


class SlowHost(dict[str, bytes]):
    """A site of which the networks come when they are let go, or not at all; it knows what was asked for."""

    def __init__(self, site: dict[str, bytes]) -> None:
        super().__init__(site)
        self.asked: list[str] = []
        self.networks = threading.Event()
        self.broken = False

    def get(self, name: str, default: object = None) -> Any:
        self.asked.append(name)
        if name.endswith(NETWORKS):
            self.networks.wait(PATIENCE)
            if self.broken:
                return default
        return super().get(name, default)


def test_the_first_visit_and_the_next_without_a_network(browser: Visitor, site: dict[str, bytes]) -> None:
    host = SlowHost(site)
    first, second = (len(next(host[name] for name in host if name.endswith(end))) for end in ("/runtime.bin", NETWORKS))
    total = first + second
    with serving(host) as address:
        browser.forget(address)
        browser.requests()
        browser.browser.get(address)
        # What it does is seen before the networks are there, and how much of them is.
        assert browser.state() == "loading"
        megabytes = f"{first / 1e6:.1f} of {total / 1e6:.1f} MB"
        browser.says(f"Loading the networks: {megabytes}, {100 * first // total} %")
        assert browser.script("return [...document.images].every(image => image.complete && image.naturalWidth)")
        assert browser.script("return document.querySelector('#progress').value") == pytest.approx(first / total)
        # A photo that is there before them waits.
        browser.drop(EXAMPLES / "astronaut.jpg")
        browser.says("astronaut.jpg is drawn as soon as the networks are there")
        host.networks.set()
        browser.says("astronaut.jpg, drawn in pencil")
        browser.until(lambda: browser.script("return Boolean(navigator.serviceWorker.controller)"))
        # Each file once, also those that the service worker keeps; nothing of another host.
        assert len(host.asked) == len({*host.asked}) <= 25
        assert {url for url in browser.requests() if not url.startswith(address)} == set()
    browser.open(address)
    browser.drop(EXAMPLES / "astronaut.jpg")
    browser.says("astronaut.jpg, drawn in pencil")
    browser.forget(address)


def test_networks_that_do_not_come_are_asked_for_again(browser: Visitor, site: dict[str, bytes]) -> None:
    host = SlowHost(site)
    host.networks.set()
    host.broken = True
    with serving(host) as address:
        browser.forget(address)
        browser.browser.get(address)
        browser.until_state("error")
        assert browser.error() == "The networks could not be loaded (networks.bin: 404)"
        host.broken = False
        browser.touch("#remedy")
        browser.until_state("drawn")
        browser.forget(address)
    browser.complaints()


def test_twenty_photos_leave_the_memory_as_it_is(visitor: Visitor, python: Sketcher, tmp_path: Path) -> None:
    # As close as the frame is: the quickest to draw.
    (close,) = python.crops(portrait_of("astronaut.jpg"), framing="face")
    used = []
    for number in range(20):
        path = tmp_path / f"{number}.jpg"
        close.image.resize((200 + 4 * number, 250 + 5 * number)).save(path)
        visitor.drop(path)
        visitor.says(f"{number}.jpg, drawn")
        visitor.browser.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
        used.append(visitor.browser.execute_cdp_cmd("Runtime.getHeapUsage", {})["usedSize"])
    assert len(visitor.all("#cards label")) == 20
    assert used[-1] - used[4] < 4e6
