"""A person at the page, in headless Chromium."""

from __future__ import annotations

import base64
import json
import mimetypes
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars "
    # A camera that shows a test picture, and that nobody is asked about.
    "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
)
PATIENCE = 60
"""Seconds that a slow and busy machine may take for one step."""

DESK, PHONE = (1280, 900), (390, 844)

DROP = """
const [target, files] = arguments, data = new DataTransfer();
for (const [name, type, content] of files) {
  data.items.add(new File([Uint8Array.from(atob(content), byte => byte.charCodeAt(0))], name, {type}));
}
const send = (kind) => target.dispatchEvent(
  new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
send('dragenter');
send('dragover');
return !send('drop');
"""
PASTE = """
const [files] = arguments, data = new DataTransfer();
for (const [name, type, content] of files) {
  data.items.add(new File([Uint8Array.from(atob(content), byte => byte.charCodeAt(0))], name, {type}));
}
document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
"""
PIXELS = """
const [selector, done] = arguments;
const image = document.querySelector(selector);
image.decode().then(() => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext('2d').drawImage(image, 0, 0);
  done(canvas.toDataURL('image/png').split(',')[1]);
}, (error) => done(String(error)));
"""


@contextmanager
def a_visitor(folder: Path) -> Iterator[Visitor]:
    """Somebody with a browser of their own, whose profile and downloads lie in a folder."""
    selenium = pytest.importorskip("selenium.webdriver", reason="needs most-sketch[browser]")
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs Chromium and its driver")
    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS.split(), f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    downloads = folder / "downloads"
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    browser = selenium.Chrome(options, selenium.ChromeService(DRIVER))
    try:
        browser.set_page_load_timeout(PATIENCE)
        browser.set_script_timeout(PATIENCE)
        yield Visitor(browser, downloads)
    finally:
        browser.quit()


class Visitor:
    """What a person does, and sees."""

    def __init__(self, browser: Any, downloads: Path) -> None:
        self.browser = browser
        self.downloads = downloads

    def window(self, size: tuple[int, int], *, touch: bool = False) -> None:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": touch})

    def prefers(self, **features: str) -> None:
        """As `prefers(color_scheme="dark")`."""
        media = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})

    def forget(self, address: str) -> None:
        """As if this browser had never been there."""
        self.browser.execute_cdp_cmd(
            "Storage.clearDataForOrigin", {"origin": address.rstrip("/"), "storageTypes": "all"}
        )
        self.browser.execute_cdp_cmd("Network.clearBrowserCache", {})

    def open(self, address: str) -> None:
        self.browser.get(address)
        self.until_state("drawn")

    def until(self, condition: Callable[[], Any]) -> Any:
        """What the condition gives as soon as it gives something."""
        from selenium.common import NoSuchElementException, StaleElementReferenceException
        from selenium.webdriver.support.wait import WebDriverWait

        gone = (NoSuchElementException, StaleElementReferenceException)
        return WebDriverWait(self.browser, PATIENCE, 0.05, gone).until(lambda _: condition())

    def state(self) -> str:
        return str(self.script("return document.body.dataset.state"))

    def until_state(self, state: str) -> None:
        self.until(lambda: self.state() == state)

    def script(self, code: str, *arguments: object) -> Any:
        return self.browser.execute_script(code, *arguments)

    def find(self, selector: str) -> Any:
        return self.until(lambda: self.browser.find_element("css selector", selector))

    def all(self, selector: str) -> list[Any]:
        found: list[Any] = self.browser.find_elements("css selector", selector)
        return found

    def touch(self, selector: str) -> None:
        part = self.find(selector)
        self.script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", part)
        part.click()

    def choose(self, *files: Path) -> None:
        """By the file chooser."""
        self.browser.find_element("css selector", "#file").send_keys("\n".join(map(str, files)))

    def drop(self, *files: Path, on: str = "body") -> None:
        """Drop files on a part of the page, which must not leave them to the browser."""
        assert self.script(DROP, self.find(on), _contents(files))

    def paste(self, *files: Path) -> None:
        self.script(PASTE, _contents(files))

    def status(self) -> str:
        return str(self.find("#status").text)

    def says(self, words: str) -> None:
        """Wait until the page does."""
        self.until(lambda: words in self.status())

    def error(self) -> str:
        return str(self.find("#error").text)

    def place(self, selector: str) -> dict[str, float]:
        """Where a part is in the window: left, top, right, bottom, width, height."""
        code = "return arguments[0].getBoundingClientRect().toJSON()"
        found: dict[str, float] = self.script(code, self.find(selector))
        return found

    def is_in_the_window(self, selector: str) -> bool:
        """Whether all of a part is seen without scrolling."""
        place = self.place(selector)
        wide, high = self.script("return [innerWidth, innerHeight]")
        within: bool = min(place["left"], place["top"]) >= 0 and place["right"] <= wide and place["bottom"] <= high
        return within

    def seen(self, selector: str = "#pane img:last-of-type") -> bytes:
        """A picture on the page, as a PNG file."""
        return base64.b64decode(self.browser.execute_async_script(PIXELS, selector))

    def download(self, button: str = "#download") -> Path:
        """What a button saves."""
        before = set(self.downloads.glob("*"))
        self.touch(button)
        (file,) = self.until(
            lambda: {path for path in self.downloads.glob("[!.]*") if path.suffix != ".crdownload"} - before
        )
        return Path(file)

    def requests(self) -> list[str]:
        """The addresses of all that the browser has asked of a network since it was last asked."""
        events = (json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance"))
        asked = [
            event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in asked if url.startswith("http")]

    def complaints(self) -> list[str]:
        """What the browser's console holds of errors and warnings since it was last asked."""
        return [
            entry["message"] for entry in self.browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")
        ]

    def picture(self, path: Path) -> None:
        """What is seen of the page, saved."""
        path.parent.mkdir(parents=True, exist_ok=True)
        shot = self.browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(shot["data"]))


def _contents(files: Iterable[Path]) -> list[tuple[str, str, str]]:
    return [
        (file.name, mimetypes.guess_type(file.name)[0] or "", base64.b64encode(file.read_bytes()).decode())
        for file in files
    ]
