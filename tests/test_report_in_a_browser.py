"""The committed report as a browser shows it: skipped where there is no Chromium."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REPORTS = Path(__file__).parents[1] / "reports"

# What the page says of itself to the page around it, once everything is loaded.
INSIDE = """<script>
addEventListener("load", () => {
  const images = [...document.images];
  parent.postMessage({
    width: document.documentElement.scrollWidth,
    window: innerWidth,
    images: images.length,
    broken: images.filter(image => !image.naturalWidth).map(image => image.getAttribute("src")),
    rows: document.querySelectorAll(".claims tbody tr").length,
    smallest: Math.min(...[...document.querySelectorAll("p, td")].map(e => parseFloat(getComputedStyle(e).fontSize))),
  }, "*");
});
</script>"""
AROUND = """<!DOCTYPE html><body><iframe src="page.html" width="{width}" height="800" style="border:0"></iframe><script>
addEventListener("message", event => {{
  const found = document.createElement("pre");
  found.textContent = JSON.stringify(event.data);
  document.body.append(found);
}});
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_shows_everything_at_the_width_of_a_phone_and_of_a_desk(tmp_path, width):
    page = (REPORTS / "index.html").read_text(encoding="utf-8")
    shutil.copytree(REPORTS / "figures", tmp_path / "figures", ignore=shutil.ignore_patterns("*.csv"))
    whole = page.replace(' loading="lazy"', "").replace("</body>", INSIDE + "</body>")
    (tmp_path / "page.html").write_text(whole, encoding="utf-8")
    (tmp_path / "around.html").write_text(AROUND.format(width=width))
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    arguments += ["--virtual-time-budget=20000", "--dump-dom"]
    shown = subprocess.run(
        [BROWSER, *arguments, (tmp_path / "around.html").as_uri()], capture_output=True, text=True, timeout=240
    )
    told = re.search(r"<pre>(.*?)</pre>", shown.stdout)
    assert told, shown.stderr[-2000:]
    found = json.loads(unescape(told[1]))
    assert found["window"] == width
    assert found["width"] <= width  # nothing has to be scrolled sideways but tables of many columns, in their own frame
    assert found["broken"] == []
    assert found["images"] == page.count("<img ") > 0
    assert found["rows"] == len(json.loads((REPORTS / "claims.json").read_text()))
    assert found["smallest"] >= 12
