"""Write stages/reporting/templates/offline.html: the page of `dvc plots` with all libraries that draw inside it.

    python -m tools.offline_page

The run explorer takes the libraries from the same file. They are those that vl-convert bundles for the Vega-Lite of the
installed Altair; run this after a change of either version.
"""

from pathlib import Path

import altair
import vl_convert

PAGE = Path(__file__).resolve().parents[1] / "stages" / "reporting" / "templates" / "offline.html"
TEMPLATE = """\
<!DOCTYPE html>
<html lang="en">
<head>
{{refresh_tag}}
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Plots</title>
<!-- A page of `dvc plots show` that needs no network. In it stand Vega, Vega-Lite {vega_lite} and Vega-Embed,
as vl-convert {vl_convert} bundles them.
They are BSD-3-Clause, Copyright University of Washington Interactive Data Lab and contributors.
Images are as wide as the page at most, so that none is cut, and those of several revisions stand beside each other only
where there is room. -->
<style>
body {{ font-family: sans-serif; margin: 1rem; }}
body > div {{ white-space: normal !important; }}
img {{ max-width: 100%; height: auto; }}
.vega-embed {{ max-width: 100%; overflow-x: auto; }}
</style>
<script>(() => {{
{bundle}
}})();</script>
</head>
<body>
{{plot_divs}}
</body>
</html>
"""


def offline_page() -> str:
    """Return the page, with the two places that DVC fills in."""
    vega_lite = altair.SCHEMA_VERSION.removeprefix("v")
    minor = ".".join(vega_lite.split(".")[:2])
    bundle = vl_convert.javascript_bundle(vl_version=minor).strip()
    return TEMPLATE.format(vega_lite=vega_lite, vl_convert=vl_convert.__version__, bundle=bundle)


if __name__ == "__main__":
    PAGE.write_text(offline_page(), encoding="utf-8", newline="\n")
    print(f"wrote {PAGE}")
