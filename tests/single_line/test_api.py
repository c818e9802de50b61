"""The stable interface: docs/api.md lists each name of `stages.api` with its arguments and what it returns."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from stages import api

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
SETUP = """
import torch
from torch import nn

network = nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3))
before = {name: value.clone() for name, value in network.state_dict().items()}
after = {name: value + 0.1 * torch.rand(value.shape) if value.is_floating_point() else value
         for name, value in before.items()}
x, y = torch.randn(40, 4), torch.arange(40) % 3
dataset = torch.utils.data.TensorDataset(x, y)
"""
"""What the lines of the page take for granted."""
LISTED = re.findall(r"^\| `(\w+)(?:\((.*?)\))?(?: -> (\w+))?` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_the_page_lists_what_the_module_exports():
    assert sorted(name for name, *_ in LISTED) == sorted(api.__all__)
    assert set(api.__all__) <= vars(api).keys()


@pytest.mark.parametrize(("name", "arguments", "returned"), LISTED)
def test_arguments_and_types_are_those_that_the_page_states(name, arguments, returned):
    thing = getattr(api, name)
    if inspect.isclass(thing):
        assert arguments == ("" if issubclass(thing, Exception) else ", ".join(field.name for field in fields(thing)))
        return
    signature = inspect.signature(thing)
    stated = arguments.split(", ")
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    assert [one for one in stated if one != "*"] == list(signature.parameters)
    assert ("*" in stated) == (inspect.Parameter.KEYWORD_ONLY in kinds)
    if "*" in stated:
        assert kinds.index(inspect.Parameter.KEYWORD_ONLY) == stated.index("*")
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in signature.parameters.values())
    assert re.match(r"\w+", getattr(signature.return_annotation, "__name__", ""))[0] == returned


def test_the_lines_of_the_page_work():
    names = {}
    exec(SETUP, names)
    exec(BLOCKS[0], names)
    line = names["line"]
    assert isinstance(line.curve, pd.DataFrame)
    assert (len(line.curve), len(line.row)) == (50, 1)
    assert isinstance(line.figure(), Figure)
    assert line._repr_png_().startswith(b"\x89PNG")
    exec(BLOCKS[1], names)
    assert names["line"].row["batch_norm"][0] == "stored"
    assert names["line"].curve["train_loss"][0] != line.curve["train_loss"][0]


@pytest.mark.long
def test_the_lines_of_the_page_work_in_a_notebook(tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    client = pytest.importorskip("nbclient", reason="nbclient is not installed")
    cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, *BLOCKS, "line", "print(line)")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client.NotebookClient(notebook, timeout=600, kernel_name="python3").execute(cwd=str(PAGE.parents[1]))
    shown = [set(output["data"]) for cell in notebook.cells for output in cell.outputs if "data" in output]
    assert any("image/png" in kinds for kinds in shown)
    assert "min Δ" in notebook.cells[-1].outputs[0]["text"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"alphas": 2}, "alphas: got 2, expected at least 3"),
        ({"examples": 1}, "examples: got 1, expected at least 2"),
        ({"batch": 0}, "batch: got 0, expected at least 1"),
        ({"tolerance": float("nan")}, "tolerance: got nan, expected at least 0"),
        ({"device": "tpu"}, "device: got 'tpu'|device: this machine has no usable tpu"),
    ],
)
def test_options_that_are_wrong_are_refused_in_a_sentence(options, said):
    network = nn.Linear(4, 3)
    with pytest.raises(api.UserError, match=said):
        api.evaluate_line(
            network, network.state_dict(), network.state_dict(), (torch.ones(4, 4), torch.arange(4) % 3), **options
        )
