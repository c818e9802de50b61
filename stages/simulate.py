"""Stage `simulate`: lines of the models of the paper's theory -> data/theory/*.csv."""

from pathlib import Path

import numpy as np

from stages.command import main
from stages.config.job import Job
from stages.shared.environment import identity, version_of
from stages.shared.files import replacing, write_bytes
from stages.shared.progress import bar
from stages.shared.source_files import source_digests
from stages.shared.store import Store

ROOT = Path(__file__).resolve().parents[1]
MODELS = ("noisy_quadratic", "two_layer_linear")
"""Modules of `stages.theory` and keys of `theory` in the parameters."""


def simulate(job: Job) -> None:
    """Write the lines of each model, sampling those that the store lacks.

    Args:
        job: The job.
    """
    store = Store.default()
    keys = {model: model_key(job, model) for model in MODELS}
    missing = [model for model in MODELS if not store.has("theory", keys[model])]
    with bar("simulate", "model", len(MODELS), len(MODELS) - len(missing)) as progress:
        for model in missing:
            content, lines = sample(model, dict(getattr(job.params.theory, model)))
            store.put("theory", keys[model], {"csv": np.frombuffer(content, np.uint8)}, {"lines": lines})
            progress.update()
    counts = []
    with replacing(job.theory_file("any").parent) as folder:
        folder.mkdir()
        for model in MODELS:
            files, about = store.get("theory", keys[model])
            write_bytes(folder / f"{model}.csv", files["csv"].tobytes())
            counts.append(f"{about['lines']} lines of {model}")
    made = f"{len(missing)} sampled, the others reused"
    print(f"simulate: {', '.join(counts)}, in {job.theory_file('any').parent}; {made}")


def model_key(job: Job, model: str) -> str:
    """Return the identity of a model's lines: its parameters, all code of this stage, and the environment."""
    content = {
        "model": model,
        "parameters": getattr(job.params.theory, model).model_dump(mode="json"),
        "source": source_digests(ROOT, "stages.simulate"),
        "pandas": version_of("pandas"),
    }
    return identity(content)


def sample(model: str, parameters: dict) -> tuple[bytes, int]:
    """Sample the lines of a model.

    Args:
        model: One of `MODELS`.
        parameters: The arguments of its function `simulate`.

    Returns:
        The lines as a CSV file, and their number.
    """
    import torch  # PyTorch and pandas take seconds to import, and are not needed where the store has everything

    from stages.shared.csv_files import csv_bytes
    from stages.theory import noisy_quadratic, two_layer_linear

    torch.set_num_threads(1)  # as everywhere: how many must not change a result
    modules = {"noisy_quadratic": noisy_quadratic, "two_layer_linear": two_layer_linear}
    table = modules[model].simulate(**parameters)
    return csv_bytes(table), len(table)


if __name__ == "__main__":
    main(simulate, __doc__)
