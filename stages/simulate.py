"""Stage `simulate`: lines of the models of the paper's theory -> data/theory/*.csv."""

from pathlib import Path

from stages.command import main
from stages.config.job import Job
from stages.config.params import Theory
from stages.shared.environment import identity, version_of
from stages.shared.files import replacing, write_bytes
from stages.shared.source_files import source_digests
from stages.shared.store import Store
from stages.workers.fill import fill
from stages.workers.task import Task

ROOT = Path(__file__).resolve().parents[1]
MODELS = tuple(Theory.model_fields)
"""Keys of `theory` in the parameters; `stages.theory.sampling` has a function for each."""


def simulate(job: Job) -> None:
    """Write the lines of each model, sampling those that the store lacks.

    Args:
        job: The job.
    """
    store = Store.default()
    keys = {model: model_key(job, model) for model in MODELS}

    def plan(missing: list[int]) -> list[Task]:
        from stages.theory.sampling import sample_task  # imports PyTorch, which takes seconds

        chosen = [MODELS[position] for position in missing]
        return [Task(sample_task, (model, dict(getattr(job.params.theory, model)), keys[model])) for model in chosen]

    entries = {"theory": list(keys.values())}
    sampled = fill(store, entries, plan, "simulate", "model", "stages.theory.sampling")["theory"]
    counts = []
    with replacing(job.theory_file("any").parent) as folder:
        folder.mkdir()
        for model in MODELS:
            files, about = store.get("theory", keys[model])
            write_bytes(folder / f"{model}.csv", files["csv"].tobytes())
            counts.append(f"{about['lines']} lines of {model}")
    made = f"{len(sampled)} sampled, the others reused"
    print(f"simulate: {', '.join(counts)}, in {job.theory_file('any').parent}; {made}")


def model_key(job: Job, model: str) -> str:
    """Return the key of a model's lines in the store: a digest of parameters, code of this stage and environment."""
    content = {
        "model": model,
        "parameters": getattr(job.params.theory, model).model_dump(mode="json"),
        "source": source_digests(ROOT, "stages.simulate"),
        "pandas": version_of("pandas"),
    }
    return identity(content)


if __name__ == "__main__":
    main(simulate, __doc__)
