"""The page of `most-sketch demo` as a person meets it, in headless Chromium."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import EXAMPLES, STYLES
from PIL import Image

from most_sketch.drawing.sketcher import Sketcher
from most_sketch.photo.images import read_image

pytest.importorskip("gradio", reason="needs most-sketch[demo]")
webdriver = pytest.importorskip("selenium.webdriver", reason="needs most-sketch[browser]")

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Chromium and its driver")

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1280,1000"
)
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
        if self.browser.find_elements("css selector", "#photo [aria-label='Remove Image']"):
            self.touch("#photo [aria-label='Remove Image']")
            self.until(lambda: not self.pictures())
        self.find("#photo input[type=file]").send_keys(str(photo))

    def pictures(self) -> list[str]:
        """The addresses of photo and sketch in the slider."""
        images = self.browser.find_elements("css selector", "#sketch img")
        return [image.get_attribute("src") for image in images]

    def new_pictures(self, before: list[str]) -> list[str]:
        """Photo and sketch once they are others than before."""
        return list(self.until(lambda: (now := self.pictures()) and len(now) == 2 and now != before and now))

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


def test_a_visit(visitor: Visitor, page: str, sketcher: Sketcher, portrait_file: Path, tmp_path: Path) -> None:
    """One long test, since each visit costs a start of the browser."""
    kept = {file for file in Path(os.environ["GRADIO_TEMP_DIR"]).rglob("*") if file.is_file()}
    portrait = read_image(portrait_file)

    # A portrait is drawn, and the sketch comes as a file.
    visitor.upload(portrait_file)
    first = visitor.new_pictures([])
    assert visitor.download("astronaut.sketch.png").tobytes() == sketcher.sketch(portrait).tobytes()

    # Another style is chosen by its picture.
    visitor.touch("#styles [aria-label='Thumbnail 2 of 2']")
    second = visitor.new_pictures(first)
    assert second[0] == first[0]
    assert visitor.download("astronaut.sketch.png").tobytes() == sketcher.sketch(portrait, STYLES[1]).tobytes()

    # What is no picture is said.
    broken = tmp_path / "broken.jpg"
    broken.write_text("This is no picture.")
    visitor.upload(broken)
    assert visitor.find("#message [role=alert]").text == "broken.jpg: not a picture that can be read"
    assert not visitor.pictures()

    # An example is one click away, and the message goes.
    visitor.touch("#examples button")
    example = visitor.new_pictures([])
    visitor.until(lambda: not visitor.browser.find_elements("css selector", "#message [role=alert]"))

    # Of two faces the touched one is drawn.
    both = Image.new("RGB", (1112, 600), "white")
    for index, name in enumerate(("astronaut.jpg", "grace_hopper.jpg")):
        both.paste(read_image(EXAMPLES / name), (index * 600, 0))
    both.save(tmp_path / "both.png")
    visitor.upload(tmp_path / "both.png")
    largest = visitor.new_pictures(example)
    faces = visitor.find("#faces img")
    visitor.until(lambda: faces.size["height"] > 100)
    drawn = []
    for side in (-0.25, 0.25):
        actions = webdriver.ActionChains(visitor.browser)
        visitor.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", faces)
        actions.move_to_element_with_offset(faces, int(side * faces.size["width"]), 0).click().perform()
        sketch = (sketcher.crops(both, None)[int(side > 0)],)
        wanted = sketcher.draw([sketch[0].image], [1])[0].tobytes()
        visitor.until(lambda wanted=wanted: visitor.download("both.sketch.png").tobytes() == wanted)
        drawn.append(visitor.pictures())
    assert drawn[0] != drawn[1]
    assert largest in drawn

    # Nothing was asked of any other machine.
    assert {url for url in visitor.requests() if not url.startswith(page)} == set()

    # When the page is closed, uploads and sketches are removed; what the page itself shows stays.
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    assert list(folder.rglob("both.png"))
    visitor.browser.get("about:blank")
    visitor.until(lambda: {file for file in folder.rglob("*") if file.is_file()} == kept)
