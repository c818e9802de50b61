import pandas as pd
import pytest

from stages.command import Job
from stages.config import load
from stages.simulate import simulate
from stages.theory import noisy_quadratic, two_layer_linear


@pytest.fixture
def job(tmp_path, tiny_params):
    (tmp_path / "params.yaml").write_text(tiny_params)
    return Job(load(tmp_path / "params.yaml"), None, tmp_path / "data", tmp_path / "reports")


def test_each_model_is_sampled_as_its_parameters_say(job, capsys):
    simulate(job)
    said = capsys.readouterr().out
    for name, model in (("noisy_quadratic", noisy_quadratic), ("two_layer_linear", two_layer_linear)):
        expected = model.simulate(**getattr(job.params.theory, name).model_dump())
        pd.testing.assert_frame_equal(pd.read_csv(job.theory_file(name)), expected, rtol=1e-8, check_dtype=False)
        assert f"{len(expected)} lines of {name}" in said


def test_again_gives_the_same_bytes_and_nothing_else(job):
    simulate(job)
    folder = job.theory_file("any").parent
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "old.csv").write_text("left over")
    simulate(job)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert set(first) == {"noisy_quadratic.csv", "two_layer_linear.csv"}
