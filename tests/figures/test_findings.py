import pandas as pd

from stages.figures.declare import Item


def count(data):
    return f"{int((~data['monotonic']).sum())} of {len(data)} lines rise."


def item(finding):
    return Item("figure_99", "mine", print, "Lines.", "Not in the paper.", (), False, finding)


def test_the_finding_follows_from_the_csv_and_is_else_what_a_reader_sees():
    csv = pd.DataFrame({"monotonic": [True, False]}).to_csv(index=False).encode()
    assert item(count).sentence(csv) == "1 of 2 lines rise."
    assert item(None).sentence(csv) == "Lines."
    assert item(lambda data: "").sentence(csv) == "Lines."
