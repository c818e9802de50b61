"""Whether the report judges every claim that params.yaml asks for, and its pages show pictures that are there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from stages.claims.finding import FAILS, FEW, HOLDS
from stages.config import Params

REMEDY = "run `make repro`"
PICTURES = re.compile(r'(?:src="|\]\()((?:figures|tables)/[^")]+)')


def check(reports: Path, params: Params) -> Iterator[str]:
    """Check claims.json, README.md and index.html.

    Args:
        reports: The folder of reports.
        params: The parameters that it was made with.

    Yields:
        A line a fault.
    """
    path = reports / "claims.json"
    try:
        claims = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        yield f"{path}: missing; {REMEDY}"
    except ValueError as error:
        yield f"{path}: no JSON ({error}); {REMEDY}"
    else:
        for name in params.claims:
            verdict = claims.get(name, {}).get("verdict") if isinstance(claims, dict) else None
            if verdict not in (HOLDS, FAILS, FEW):
                yield f"{path}: claim {name} has no verdict; {REMEDY}"
    for page in (reports / "README.md", reports / "index.html"):
        if not page.is_file():
            yield f"{page}: missing; {REMEDY}"
            continue
        for target in sorted(set(PICTURES.findall(page.read_text(encoding="utf-8")))):
            if not (reports / target).is_file():
                yield f"{page}: shows {target}, which is not there; {REMEDY}"
