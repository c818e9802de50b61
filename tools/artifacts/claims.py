"""Check that the report judges every claim of params.yaml, and that all pictures of its pages exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from stages.claims.finding import Verdict
from stages.config import Params

REMEDY = "run `make repro`"
PICTURES = re.compile(r'(?:src="|href="|\]\()((?:figures|tables)/[^")]+|\w+\.png)')


def check(reports: Path, params: Params) -> Iterator[str]:
    """Check claims.json, verdicts.json, README.md and index.html.

    Args:
        reports: The folder of reports.
        params: The parameters that the report was made with.

    Yields:
        A line a fault.
    """
    found = {}
    for name in ("claims.json", "verdicts.json"):
        path = reports / name
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            yield f"{path}: missing; {REMEDY}"
            continue
        except ValueError as error:
            yield f"{path}: no JSON ({error}); {REMEDY}"
            continue
        entries = content if isinstance(content, dict) else {}
        found[name] = {claim: entries.get(claim, {}).get("verdict") for claim in params.claims}
        for claim, verdict in found[name].items():
            if verdict not in list(Verdict):
                yield f"{path}: claim {claim} has no verdict; {REMEDY}"
    if len(found) == 2 and found["claims.json"] != found["verdicts.json"]:
        yield f"{reports / 'verdicts.json'}: other verdicts than in claims.json; {REMEDY}"
    for page in (reports / "README.md", reports / "index.html"):
        if not page.is_file():
            yield f"{page}: missing; {REMEDY}"
            continue
        for target in sorted(set(PICTURES.findall(page.read_text(encoding="utf-8")))):
            if not (reports / target).is_file():
                yield f"{page}: shows {target}, which is not there; {REMEDY}"
