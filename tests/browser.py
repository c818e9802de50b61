"""Chromium as tests drive it, by Selenium, and measurements of a page that is open in it."""

import base64
import io
import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
MISSING = "Chromium and its driver are not installed (.ci/packages)"
needs_browser = pytest.mark.skipif(not (BROWSER and DRIVER) and "CI" not in os.environ, reason=MISSING)
"""Mark of tests in a browser: skipped where there is none, but not on a machine of CI, where they fail."""
PHONE, DESKTOP, A4 = 390, 1280, 688
"""Widths in CSS pixels; that of A4 is without margins of 14 mm."""

COMMON = """
const shown = element => element.checkVisibility({visibilityProperty: true}) && element.getClientRects().length > 0;
const channels = text => {
  const found = text.match(/[\\d.]+/g).map(Number);
  return {rgb: found.slice(0, 3), alpha: found.length > 3 ? found[3] : 1};
};
const luminance = rgb => {
  const linear = rgb.map(value => value / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
};
"""
LOW_CONTRAST = (
    COMMON
    + """
const behind = element => {
  for (let one = element; one; one = one.parentElement) {
    const colour = channels(getComputedStyle(one).backgroundColor);
    if (colour.alpha > 0.99) return colour.rgb;
  }
  return [255, 255, 255];
};
const poor = [];
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  if (!own || !shown(element) || ["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(element.tagName)) continue;
  const style = getComputedStyle(element);
  const inside = element instanceof SVGElement;
  const ink = inside ? (style.fill === "none" ? style.color : style.fill) : style.color;
  const [light, dark] = [luminance(channels(ink).rgb), luminance(behind(element))].sort((a, b) => b - a);
  const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
  const wanted = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
  const ratio = (light + 0.05) / (dark + 0.05);
  if (ratio < wanted) poor.push(`${element.tagName} ${ratio.toFixed(2)} ${element.textContent.trim().slice(0, 40)}`);
}
return poor;
"""
)
CUT = (
    COMMON
    + """
const right = document.documentElement.clientWidth + 1;
return [...document.querySelectorAll("table, img, pre")].filter(shown).filter(element => {
  if (element.getBoundingClientRect().right > right) return true;
  for (let one = element.parentElement; one && one !== document.body; one = one.parentElement)
    if (getComputedStyle(one).overflowX !== "visible" && one.scrollWidth > one.clientWidth + 1) return true;
  return false;
}).map(element => `${element.tagName} ${element.textContent.trim().slice(0, 60)}`);
"""
)


class Page:
    """A page in the browser."""

    def __init__(self, driver):
        self.driver = driver

    def open(
        self, path: Path, width: int = DESKTOP, scheme: str = "light", media: str = "", scripts: bool = True
    ) -> None:
        """Open a file in a window of a width, as a reader with a light or dark scheme sees it, or a printer."""
        assert path.exists(), path  # the browser has a page of its own for a file that is missing
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=1200, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.command("Emulation.setEmulatedMedia", media=media, features=features)
        self.command("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.driver.get_log("browser")
        self.driver.get(path.as_uri())

    def command(self, name: str, **arguments: Any) -> dict:
        return self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script: str) -> Any:
        """Return what a script returns, even in a page whose own scripts are disabled."""
        self.command("Emulation.setScriptExecutionDisabled", value=False)
        return self.driver.execute_script(script)

    def until(self, script: str) -> Any:
        """Return what a script returns once that is true."""
        end = time.monotonic() + 30
        while not (found := self.run(script)):
            assert time.monotonic() < end, script
            time.sleep(0.05)
        return found

    def errors(self) -> list[str]:
        """Return the errors in the console since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        return self.run("return document.scrollingElement.scrollWidth - document.documentElement.clientWidth")

    def headings(self) -> list[int]:
        """Return the levels of the headings, in their order."""
        return self.run("return [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(one => Number(one.tagName[1]))")

    def picture(self) -> np.ndarray:
        """Return the window as the browser draws it, shape (height, width, 3)."""
        return np.asarray(Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB"))

    def printed(self) -> bytes:
        """Return the page printed on A4 as a PDF document."""
        made = self.command("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=False)
        return base64.b64decode(made["data"])


@contextmanager
def browser() -> Generator[Page, None, None]:
    """Start the browser, and end it."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    if not (BROWSER and DRIVER):
        pytest.fail(MISSING)
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield Page(driver)
    finally:
        driver.quit()


def assert_in_order(levels: list[int]) -> None:
    """Assert that headings begin with the only one of level 1, and that none skips a level."""
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= before + 1 for before, later in zip(levels, levels[1:], strict=False))


def assert_drawn(picture: np.ndarray) -> None:
    """Assert that a picture of a window shows something: many shades, and not one for nearly everything."""
    counts = np.unique(picture.astype(np.int32) @ [1 << 16, 1 << 8, 1], return_counts=True)[1]
    assert len(counts) > 50
    assert counts.max() < 0.98 * counts.sum()
