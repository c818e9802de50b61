"""The table of claims by scale, from made-up claims."""

import json

import pandas as pd
import pytest

from stages.shared.errors import UserError
from tools import by_scale

CLAIM = {"statement": "It rises.", "verdict": "reproduced", "suites": ["a", "b"], "effect": 0.25, "low": 0.1}
CLAIM |= {"high": 0.4, "paper_effect": 0.5, "counts": {"near": 3, "far": 4}, "something_new": [1]}


@pytest.fixture
def root(tmp_path):
    """Claims at two of three scales."""
    for name, claims in {
        "reports": {"one": CLAIM, "two": CLAIM | {"effect": None, "low": None, "high": None, "counts": {}}},
        "reports/paper": {"one": CLAIM | {"verdict": "opposite", "effect": -1.0}, "three": CLAIM},
    }.items():
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "claims.json").write_text(json.dumps(claims))
    return tmp_path


def test_one_row_a_claim_and_one_column_a_scale_that_was_run(root):
    text = by_scale.page(by_scale.collect(root))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    assert rows[0] == ["claim", "effect in the paper", "digits", "paper's own scale"]
    cells = {row[0].split("`")[1]: row[1:] for row in rows[2:]}
    assert cells["one"] == [
        "0.5",
        "reproduced<br>0.25 (0.1 to 0.4)<br>near 3, far 4",
        "opposite<br>-1 (0.1 to 0.4)<br>near 3, far 4",
    ]
    assert cells["two"] == ["0.5", "reproduced", ""]
    assert cells["three"][1:] == ["", "reproduced<br>0.25 (0.1 to 0.4)<br>near 3, far 4"]


def test_what_was_written_is_up_to_date_until_a_claim_changes(root, monkeypatch):
    assert len(by_scale.stale(root)) == 2
    for path, content in by_scale.files(root).items():
        (root / path).write_bytes(content)
    assert by_scale.stale(root) == []
    table = pd.read_csv(root / by_scale.DATA)
    assert table[["claim", "scale"]].to_numpy().tolist()[2] == ["one", "paper's own scale"]
    assert table["effect"].tolist()[0] == 0.25
    (root / "reports/claims.json").write_text(json.dumps({"one": CLAIM | {"effect": 0.3}}))
    assert len(by_scale.stale(root)) == 2


def test_without_a_report_there_is_nothing_to_write(tmp_path):
    assert by_scale.files(tmp_path) == {}


@pytest.mark.parametrize("text", ["[]", "{", '{"one": {}}', '{"one": 3}'])
def test_a_file_without_claims_is_named(root, text):
    (root / "reports/paper/claims.json").write_text(text)
    with pytest.raises(UserError, match="reports/paper/claims.json: holds no claims"):
        by_scale.collect(root)
