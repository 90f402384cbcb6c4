"""The page of `most-sketch demo` as a person meets it, in headless Chromium."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import EXAMPLES, STYLES
from PIL import Image
from taught_styles import style_file

from most_sketch.drawing.sketcher import Sketcher
from most_sketch.photo.images import read_image

pytest.importorskip("gradio", reason="needs most-sketch[demo]")
webdriver = pytest.importorskip("selenium.webdriver", reason="needs most-sketch[browser]")
Keys = webdriver.Keys

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Chromium and its driver")

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1280,1000"
)
DROP = """
const [part, name, content] = arguments, data = new DataTransfer();
data.items.add(new File([Uint8Array.from(atob(content), byte => byte.charCodeAt(0))], name));
part.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
"""
PARTS = ("#photo", "#message", "#result .pane", "#view", "#download", "#styles")
PATIENCE = 180
"""Seconds that a slow and busy machine may take for one step."""


@pytest.fixture(scope="module")
def page(sketcher: Sketcher) -> Iterator[str]:
    """The address of a page that draws with the tiny weights, which have two styles."""
    from most_sketch.demo.server import serving

    with serving(sketcher) as address:
        yield address


class Visitor:
    """A person at the page."""

    def __init__(self, address: str, folder: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS.split(), f"--user-data-dir={folder / 'profile'}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        self.downloads = folder / "downloads"
        options.add_experimental_option("prefs", {"download.default_directory": str(self.downloads)})
        self.browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        self.browser.set_page_load_timeout(PATIENCE)
        self.browser.get(address)

    def until(self, condition: Callable[[], Any]) -> Any:
        """What the condition gives as soon as it gives something."""
        from selenium.common import NoSuchElementException, StaleElementReferenceException
        from selenium.webdriver.support.wait import WebDriverWait

        gone = (NoSuchElementException, StaleElementReferenceException)
        return WebDriverWait(self.browser, PATIENCE, ignored_exceptions=gone).until(lambda _: condition())

    def find(self, selector: str) -> Any:
        return self.until(lambda: self.browser.find_element("css selector", selector))

    def touch(self, selector: str) -> None:
        # Looked up anew at each try: the page may be drawing itself.
        from selenium.common import WebDriverException

        def touched() -> bool:
            try:
                self.browser.find_element("css selector", selector).click()
            except WebDriverException:
                return False
            return True

        self.until(touched)

    def upload(self, photo: Path) -> None:
        """Add a photo in place of the one that is there."""
        if self.browser.find_elements("css selector", "#photo [aria-label='Remove Image']"):
            self.touch("#photo [aria-label='Remove Image']")
            self.until(lambda: self.shows_example())
        self.find("#photo input[type=file]").send_keys(str(photo))

    def drop(self, selector: str, file: Path) -> None:
        """Drop a file on a part of the page."""
        content = base64.b64encode(file.read_bytes()).decode()
        self.browser.execute_script(DROP, self.find(selector), file.name, content)

    def shows_example(self) -> bool:
        """Does the page say so, of all sketches on it, and offer no downloads?"""
        browser = self.browser
        titles = [browser.find_element("css selector", part).text for part in ("#result figcaption", "#styles h2")]
        downloads = browser.find_elements("css selector", "#download, #download-all")
        return titles == ["Example", "Styles of the example"] and not any(button.is_enabled() for button in downloads)

    def says(self, words: str) -> None:
        """Wait until the page does."""
        self.until(lambda: words in self.browser.find_element("css selector", "#message").text)

    def press(self, selector: str, key: str) -> None:
        """Reach a part with the keyboard alone, and press a key."""
        from selenium.common import WebDriverException

        def pressed() -> bool:
            try:
                part = self.browser.find_element("css selector", selector)
                self.browser.execute_script("arguments[0].focus()", part)
                if self.browser.switch_to.active_element != part:
                    return False
                webdriver.ActionChains(self.browser).send_keys(key).perform()
            except WebDriverException:
                return False
            return True

        self.until(pressed)

    def place(self, selector: str) -> dict[str, float]:
        """Where a part is in the window: left, top, right, bottom, width, height."""
        part = self.find(selector)
        found: dict[str, float] = self.browser.execute_script(
            "return arguments[0].getBoundingClientRect().toJSON()", part
        )
        return found

    def download(self, name: str) -> Image.Image:
        file = self.downloads / name
        file.unlink(missing_ok=True)
        self.touch("#download")
        self.until(file.exists)
        return Image.open(file)

    def requests(self) -> set[str]:
        """The addresses of all that the browser has asked of a network since it was last asked."""
        events = (json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance"))
        asked = {
            event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"
        }
        return {url for url in asked if not url.startswith(("data:", "blob:", "chrome:", "chrome-untrusted:"))}


@pytest.fixture
def visitor(page: str, tmp_path: Path) -> Iterator[Visitor]:
    person = Visitor(page, tmp_path)
    try:
        yield person
    finally:
        person.browser.quit()


def test_a_visit(
    visitor: Visitor, page: str, sketcher: Sketcher, tiny_weights: Path, portrait_file: Path, tmp_path: Path
) -> None:
    """One long test, since each visit costs a start of the browser."""
    kept = {file for file in Path(os.environ["GRADIO_TEMP_DIR"]).rglob("*") if file.is_file()}
    portrait = read_image(portrait_file)
    visitor.until(visitor.shows_example)
    before = [visitor.place(part) for part in PARTS]

    # A portrait is drawn, the sketch comes as a file, and nothing has moved.
    visitor.upload(portrait_file)
    visitor.says("astronaut.jpg, drawn in pencil")
    assert [visitor.place(part) for part in PARTS] == before
    assert visitor.download("astronaut.pencil.sketch.png").tobytes() == sketcher.sketch(portrait).tobytes()

    # Another style is chosen by its picture, with the keyboard.
    visitor.press("#styles button[data-index='1']", Keys.ENTER)
    visitor.says("drawn in ink")
    assert visitor.find("#styles [aria-pressed=true]").accessible_name == "ink"
    assert visitor.download("astronaut.ink.sketch.png").tobytes() == sketcher.sketch(portrait, STYLES[1]).tobytes()

    # A style of one's own is dropped on the page, and taken away; what is none is said.
    style = style_file(tmp_path / "mine.safetensors", tiny_weights)
    visitor.drop("#own-style button", style)
    visitor.says("astronaut.jpg, drawn in chalk")
    assert visitor.find("#styles [aria-pressed=true]").accessible_name == "chalk"
    chalk = Sketcher.load(tiny_weights, "cpu", "fp32", styles=[style]).sketch(portrait, "chalk")
    assert visitor.download("astronaut.chalk.sketch.png").tobytes() == chalk.tobytes()
    visitor.touch("#own-style button[aria-label=Clear]")
    visitor.says("astronaut.jpg, drawn in pencil")
    assert len(visitor.browser.find_elements("css selector", "#styles button")) == len(STYLES)
    visitor.drop("#own-style button", portrait_file)
    visitor.says("Not added astronaut.jpg: not a safetensors file")
    visitor.until(lambda: not visitor.browser.find_elements("css selector", "#own-style .file"))
    assert visitor.find("#styles [aria-pressed=true]").accessible_name == "pencil"

    # Photo and sketch under a slider, which arrows move.
    visitor.touch("#view label:nth-of-type(2)")
    visitor.press("#result input[type=range]", Keys.ARROW_RIGHT)
    visitor.until(lambda: "--photo: 51%" in visitor.browser.page_source)
    visitor.touch("#view label:nth-of-type(1)")

    # What is no picture is said, and nothing is left of the one before.
    broken = tmp_path / "broken.jpg"
    broken.write_text("This is no picture.")
    visitor.upload(broken)
    assert visitor.find("#message [role=alert]").text == "Not drawn broken.jpg: not a picture that can be read"
    visitor.until(visitor.shows_example)

    # Without a face: drawn whole by a button, which a look at another style leaves as it is.
    Image.linear_gradient("L").save(tmp_path / "cartoon.png")
    visitor.upload(tmp_path / "cartoon.png")
    visitor.says("cartoon.png: no face found")
    visitor.touch("#styles button[data-index='0']")
    visitor.until(lambda: visitor.find("#styles [aria-pressed=true]").accessible_name == "pencil")
    visitor.touch("#whole")
    visitor.says("cartoon.png, drawn in pencil")
    visitor.touch("#styles button[data-index='1']")
    visitor.says("drawn in ink")

    # An example is one click away, and the message goes.
    visitor.touch("#examples button")
    visitor.says("astronaut.jpg, drawn in ink")
    assert not visitor.browser.find_elements("css selector", "#message [role=alert]")

    # Of two faces the largest is drawn, then another, then both.
    both = Image.new("RGB", (1112, 600), "white")
    for index, name in enumerate(("astronaut.jpg", "grace_hopper.jpg")):
        both.paste(read_image(EXAMPLES / name), (index * 600, 0))
    both.save(tmp_path / "both.png")
    visitor.upload(tmp_path / "both.png")
    visitor.says("both.png, face 2 of 2")
    visitor.press("#faces button[data-index='0']", Keys.ENTER)
    visitor.says("both.png, face 1 of 2")
    wanted = sketcher.draw([sketcher.crops(both, None)[0].image], [1])[0].tobytes()
    assert visitor.download("both.1.ink.sketch.png").tobytes() == wanted
    visitor.until(lambda: "2 faces" in visitor.find("#download-all").text)

    # The whole picture, and the face again.
    visitor.touch("#whole")
    visitor.until(lambda: visitor.find("#whole").text == "Draw the face")
    assert visitor.download("both.ink.sketch.png").tobytes() == sketcher.sketch(both, "ink", align=False).tobytes()

    # On a phone the window moves to the sketch.
    visitor.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    visitor.upload(portrait_file)
    visitor.says("astronaut.jpg, drawn in ink")
    visitor.until(
        lambda: visitor.place("#result .pane")["top"] >= 0 and visitor.place("#result .pane")["bottom"] <= 844
    )
    assert visitor.browser.execute_script("return document.documentElement.scrollWidth") == 390

    # Nothing was asked of any other machine.
    assert {url for url in visitor.requests() if not url.startswith(page)} == set()

    # When the page is closed, uploads and sketches are removed; what the page itself shows stays.
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    assert list(folder.rglob("both.png"))
    visitor.browser.get("about:blank")
    visitor.until(lambda: {file for file in folder.rglob("*") if file.is_file()} == kept)
