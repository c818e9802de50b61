import json

import pytest

from tools.artifacts import claims


def faults(reports, params):
    return list(claims.check(reports, params))


def test_a_complete_report_has_no_fault(reports, params):
    assert faults(reports, params) == []


@pytest.mark.parametrize("name", ["claims.json", "verdicts.json", "README.md", "index.html"])
def test_a_missing_file_is_named(reports, params, name):
    (reports / name).unlink()
    assert faults(reports, params) == [f"{reports / name}: missing; run `make repro`"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"noisy_quadratic": {"verdict": "perhaps"}}'])
def test_claims_without_a_verdict_are_named(reports, params, content):
    (reports / "claims.json").write_text(content)
    found = faults(reports, params)
    assert found
    assert all("claims.json: " in fault or fault.startswith(f"{reports / 'verdicts.json'}: other") for fault in found)


def test_a_claim_that_was_not_judged_is_named(reports, params):
    kept = json.loads((reports / "claims.json").read_text())
    del kept["small_learning_rates_are_monotone"]
    (reports / "claims.json").write_text(json.dumps(kept))
    lacking, differing = faults(reports, params)
    assert (
        lacking
        == f"{reports / 'claims.json'}: claim small_learning_rates_are_monotone has no verdict; run `make repro`"
    )
    assert differing == f"{reports / 'verdicts.json'}: other verdicts than in claims.json; run `make repro`"


@pytest.mark.parametrize(
    ("page", "target"), [("README.md", "tables/table_1_what.csv"), ("index.html", "figures/figure_05_what.png")]
)
def test_a_picture_that_is_gone_is_named(reports, params, page, target):
    (reports / target).unlink()
    assert f"{reports / page}: shows {target}, which is not there; run `make repro`" in faults(reports, params)
