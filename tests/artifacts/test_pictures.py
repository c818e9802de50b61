import pytest

from tools.artifacts import pictures


def faults(reports, params):
    return list(pictures.check(reports, list(params.plot)))


def test_complete_figures_and_tables_have_no_fault(reports, params):
    assert faults(reports, params) == []


@pytest.mark.parametrize("name", ["figures/figure_05_what.png", "figures/figure_05_what.csv", "tables/table_1_what.md"])
def test_a_missing_format_is_named(reports, params, name):
    (reports / name).unlink()
    assert faults(reports, params) == [f"{reports / name}: missing; run `make repro`"]


def test_a_missing_figure_is_named_by_its_key(reports, params):
    for path in (reports / "figures").glob("figure_05*"):
        path.unlink()
    assert faults(reports, params) == [f"{reports / 'figures'}: nothing for plot.figure_05; run `make repro`"]


@pytest.mark.parametrize(
    "name", ["figures/figure_06_what.png", "figures/figure_05_what.pdf", "tables/more/table_1.csv"]
)
def test_a_file_that_nothing_asked_for_is_named(reports, params, name):
    (reports / name).parent.mkdir(exist_ok=True)
    (reports / name).write_text("<svg/>")
    [fault] = faults(reports, params)
    assert fault == f"{reports / name}: not asked for by group plot of the parameters; delete it"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("figures/figure_05_what.png", b""),
        ("figures/figure_05_what.png", b"\x89PNG\r\n\x1a\n"),
        ("figures/figure_05_what.png", b"GIF89a"),
        ("figures/figure_05_what.csv", b""),
        ("tables/table_1_what.md", b"\xff"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(reports, params, name, content):
    (reports / name).write_bytes(content)
    [fault] = faults(reports, params)
    assert fault.startswith(f"{reports / name}: ")
    assert fault.endswith("run `make repro`")


def test_a_damaged_picture_is_noticed_by_its_checksum(reports, params):
    path = reports / "figures" / "figure_05_what.png"
    content = bytearray(path.read_bytes())
    content[20] ^= 1  # in the header's width and height
    path.write_bytes(bytes(content))
    assert len(faults(reports, params)) == 1


@pytest.mark.parametrize(
    ("stem", "key"),
    [
        ("figure_05_distance", "figure_05"),
        ("figure_05", "figure_05"),
        ("figure_05_distance_mine", "figure_05_mine"),
        ("figure_05_mine", "figure_05_mine"),
        ("figure_05mine", None),
        ("figure_050", None),
        ("table_1_rates", "table_1"),
        ("table_10_rates", None),
        ("power_law", None),
    ],
)
def test_a_file_belongs_to_the_key_with_the_longest_ending(stem, key):
    assert pictures.owner(stem, ["figure_05", "figure_05_mine", "table_1"]) == key


def test_a_key_with_an_ending_does_not_take_other_files():
    assert pictures.owner("figure_05_distance", ["figure_05_mine"]) is None
