"""The page of `dvc plots show` works without a network and cuts no picture; shown in Chromium, if there is one."""

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SPEC = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "data": {"values": [{"alpha": 0, "loss": 2}, {"alpha": 1, "loss": 0}]},
    "mark": "line",
    "encoding": {"x": {"field": "alpha", "type": "quantitative"}, "y": {"field": "loss", "type": "quantitative"}},
}
CONTENT = f"""<div id="plot"><script>vegaEmbed("#plot", {json.dumps(SPEC)}, {{renderer: "svg"}});</script></div>
<div style="overflow:hidden"><img src="wide.png"></div>
<pre></pre>
<script>setTimeout(() => {{
  document.querySelector("pre").textContent = Math.round(document.images[0].getBoundingClientRect().right);
}}, 3000)</script>"""


def template() -> str:
    """Return the page that DVC's configuration names."""
    config = configparser.ConfigParser()
    config.read(ROOT / ".dvc" / "config", encoding="utf-8")
    return (ROOT / ".dvc" / config["plots"]["html_template"]).read_text(encoding="utf-8")


def test_the_page_has_a_place_for_plots_and_loads_nothing():
    page = template()
    assert page.count("{plot_divs}") == page.count("{refresh_tag}") == 1
    assert not re.findall(r"<(?:script|link)[^>]*(?:src|href)=", page)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_a_plot_is_drawn_and_a_wide_picture_fits(tmp_path):
    Image.new("RGB", (3000, 40)).save(tmp_path / "wide.png")
    page = template().replace("{plot_divs}", CONTENT).replace("{refresh_tag}", "")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    options += ["--window-size=1000,800", "--virtual-time-budget=20000", "--dump-dom"]
    command = [BROWSER, *options, (tmp_path / "page.html").as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=240).stdout
    assert 'class="mark-line' in shown
    assert 500 < int(re.search(r"<pre>(\d+)</pre>", shown)[1]) <= 1000
