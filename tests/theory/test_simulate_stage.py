import pandas as pd
import pytest

from stages.config import load
from stages.config.job import Job
from stages.shared.source_files import source_digests
from stages.simulate import MODELS, ROOT, model_key, simulate
from stages.theory import noisy_quadratic, two_layer_linear


@pytest.fixture
def job(tmp_path, tiny_params, monkeypatch):
    monkeypatch.setenv("MLI_STORE", str(tmp_path / ".cells"))
    monkeypatch.setenv("MLI_JOBS", "0")
    (tmp_path / "params.yaml").write_text(tiny_params)
    return Job(load(tmp_path / "params.yaml"), None, tmp_path / "data", tmp_path / "reports")


def test_each_model_is_sampled_as_its_parameters_say(job, capsys):
    simulate(job)
    said = capsys.readouterr().out
    for name, model in (("noisy_quadratic", noisy_quadratic), ("two_layer_linear", two_layer_linear)):
        expected = model.simulate_lines(**getattr(job.params.theory, name).model_dump())
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


def test_a_model_is_sampled_only_if_the_store_lacks_it(job, capsys, monkeypatch):
    simulate(job)
    assert "2 sampled" in capsys.readouterr().out
    monkeypatch.setattr("stages.theory.sampling.sample_task", lambda *_: pytest.fail("sampled again"))
    simulate(job)
    assert "0 sampled, the others reused" in capsys.readouterr().out


def test_another_seed_is_another_sample_of_that_model_alone(job, capsys, tiny_params):
    simulate(job)
    first = job.theory_file("noisy_quadratic").read_bytes()
    path = job.data.parent / "params.yaml"
    path.write_text(tiny_params.replace("steps: 10, samples: 4, seed: 0", "steps: 10, samples: 4, seed: 1"))
    simulate(Job(load(path), None, job.data, job.reports))
    assert "1 sampled" in capsys.readouterr().out
    assert job.theory_file("noisy_quadratic").read_bytes() != first


@pytest.mark.parametrize("model", MODELS)
def test_another_version_of_the_code_is_another_sample(job, monkeypatch, model):
    before = model_key(job, model)
    digests = source_digests(ROOT, "stages.simulate")
    assert f"stages/theory/{model}.py" in digests
    monkeypatch.setattr("stages.simulate.source_digests", lambda *_: digests | {f"stages/theory/{model}.py": "edited"})
    assert model_key(job, model) != before
