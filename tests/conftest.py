import stages  # noqa: F401 (before NumPy, whose kernels it chooses)

# isort: split
import pytest
import torch

torch.set_num_threads(1)  # as in workers; test processes beside each other would wait for each other's threads

TINY = """\
datasets:
  digits:
    source: digits
    test_fraction: 0.2
    split_seed: 0
interpolate:
  alphas:
    start: 0.0
    stop: 1.0
    points: 5
  batch_norm:
    estimate: cumulative
    batch_size: 2048
    momentum: 0.1
    examples: null
  refinement: {levels: 1, points: 1}
  gauss_refinement: {tolerance: 0.1, most_alphas: 9}
measure:
  confidence: 0.95
  bootstrap: 50
  bootstrap_seed: 0
  plateau_share: 0.1
theory:
  noisy_quadratic: {dimension: 5, learning_rates: [0.1], steps: 10, samples: 4, seed: 0}
  two_layer_linear:
    {instances: 3, scales: [0.1], inputs: 3, outputs: 2, hidden: 2, examples: 5, steps: 20, learning_rate: 0.1,
     tolerance: 0.01, seed: 0}
claims: {accuracy_does_not_differ: [tiny], noisy_quadratic: []}
plot:
  figure_03: [tiny]
  figure_04: [small_autoencoders]
suites:
  tiny:
    dataset: digits
    threshold: 2.0
    tolerance: 0.001
    gauss_examples: 8
    path_examples: 2
    lines: {}
    planes: {}
    runs:
      network: mlp
      activation: relu
      loss: cross_entropy
      epochs: 2
      batch_size: 128
      seed: 0
    grids:
      main:
        hidden: [[8, 8]]
        batch_norm: [true, false]
        optimizer: [sgd, adam]
        lr: [0.1]
  small_autoencoders:  # the second run diverges
    dataset: digits
    threshold: 10.0
    tolerance: 0.0
    gauss_examples: 8
    path_examples: 0
    lines: {}
    planes: {}
    runs:
      network: autoencoder
      activation: relu
      loss: squared_error
      epochs: 2
      batch_size: 128
      seed: 0
    grids:
      main:
        hidden: [[8, 2, 8]]
        optimizer: [sgd]
        lr: [0.01, 10000.0]
"""


@pytest.fixture(scope="session")
def tiny_params():
    """The text of a small params.yaml: four classifiers, and two autoencoders of which one diverges."""
    return TINY


@pytest.fixture
def tiny_project(tmp_path, tiny_params, monkeypatch):
    """An empty project with small parameters, its store inside it, work done in this process on the CPU."""
    (tmp_path / "params.yaml").write_text(tiny_params)
    (tmp_path / "data").mkdir()
    (tmp_path / "reports").mkdir()
    monkeypatch.setenv("MLI_STORE", str(tmp_path / ".cells"))
    monkeypatch.setenv("MLI_JOBS", "0")
    monkeypatch.setenv("MLI_DEVICE", "cpu")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path
