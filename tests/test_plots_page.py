"""The page of `dvc plots` works without a network, draws all templates in the colours of figures, and cuts nothing."""

import configparser
import json
import re
from pathlib import Path

import pytest
from browser import DESKTOP, PHONE, browser, needs_browser
from matplotlib.colors import to_hex
from PIL import Image

from stages.figures.style import MONOTONE, NON_MONOTONE
from tools.offline_page import offline_page

ROOT = Path(__file__).parents[1]
TEMPLATES = sorted((ROOT / ".dvc" / "plots").glob("*.json"))
NUMBERS = ((0.5, 0.0, "True"), (2.0, 0.0005, "True"), (8.0, 0.02, "False"), (20.0, 0.7, "False"))
POINTS = [
    {
        "rev": rev,
        "suite": "a",
        "run_id": f"r{i}",
        "panel": optimizer.upper(),
        "optimizer": optimizer,
        "monotonic": verdict,
    }
    | {"x": str(x + end), "y": str(y + 0.1 * end)}
    for rev in ("main", "wide")
    for i, (x, y, verdict) in enumerate(NUMBERS)
    for optimizer in ("sgd", "adam")
    for end in (0, 1)
]
BY_DVC = {  # as DVC's own templates are, which name an older Vega-Lite
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "data": {"values": POINTS},
    "mark": "line",
    "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
}
RIGHT = "return Math.max(...[...document.images].map(image => image.getBoundingClientRect().right))"


def template() -> str:
    """Return the page that DVC's configuration names."""
    config = configparser.ConfigParser()
    config.read(ROOT / ".dvc" / "config", encoding="utf-8")
    return (ROOT / ".dvc" / config["plots"]["html_template"]).read_text(encoding="utf-8")


def filled(path: Path) -> dict:
    """Return a template as DVC fills it in."""
    text = path.read_text(encoding="utf-8").replace('"<DVC_METRIC_DATA>"', json.dumps(POINTS))
    for anchor, value in {"X_LABEL": "across", "Y_LABEL": "up", "X": "x", "Y": "y", "TITLE": "points"}.items():
        text = text.replace(f"<DVC_METRIC_{anchor}>", value)
    assert "<DVC" not in text
    return json.loads(text)


def test_the_page_has_a_place_for_plots_and_loads_nothing():
    page = template()
    assert page.count("{plot_divs}") == page.count("{refresh_tag}") == 1
    assert not re.findall(r"<(?:script|link)[^>]*(?:src|href)=", page)


@pytest.mark.long
def test_the_libraries_are_those_of_the_packages_that_are_installed():
    assert template() == offline_page()


def test_templates_have_the_colours_of_the_figures():
    verdicts = {"monotone": to_hex(MONOTONE), "not monotone": to_hex(NON_MONOTONE)}
    assert len(TEMPLATES) == 3
    for path in TEMPLATES:
        found = re.findall(r'"scale": (\{"domain": [^}]*"#[^}]*\})', path.read_text(encoding="utf-8"))
        [scale] = map(json.loads, found)
        assert dict(zip(scale["domain"], scale["range"], strict=True)) == verdicts, path


@needs_browser
def test_every_template_is_drawn_and_no_picture_is_cut(tmp_path):
    Image.new("RGB", (3000, 40)).save(tmp_path / "wide.png")
    specifications = [*map(filled, TEMPLATES), BY_DVC]
    plots = [
        f'<div id="plot{i}"><script>vegaEmbed("#plot{i}", {json.dumps(one)}, {{renderer: "svg"}});</script></div>'
        for i, one in enumerate(specifications)
    ]
    picture = '<div style="display: inline-block; overflow: hidden"><p>{rev}</p><img src="wide.png"></div>'
    pictures = "".join(picture.format(rev=rev) for rev in ("main", "wide"))
    plots.append(f'<div style="white-space: nowrap; overflow-y: hidden">{pictures}</div>')  # as DVC writes it
    page = template().replace("{plot_divs}", "\n".join(plots)).replace("{refresh_tag}", "")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    with browser() as window:
        for width in (PHONE, DESKTOP):
            window.open(tmp_path / "page.html", width)
            window.until(f"return document.querySelectorAll('svg.marks').length === {len(specifications)}")
            assert window.overflow() <= 0
            assert 0.8 * width < window.run(RIGHT) <= width
            for i in range(len(specifications)):
                marks = window.run(f"return document.querySelectorAll('#plot{i} path[aria-roledescription]').length")
                assert marks > 0, specifications[i]
            assert window.errors() == []
