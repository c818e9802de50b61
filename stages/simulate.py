"""Stage `simulate`: lines of the models of the paper's theory -> data/theory/*.csv."""

import torch

from stages.command import Job, main
from stages.files import replacing
from stages.progress import bar
from stages.tables import write_csv
from stages.theory import noisy_quadratic, two_layer_linear

MODELS = {"noisy_quadratic": noisy_quadratic.simulate, "two_layer_linear": two_layer_linear.simulate}


def simulate(job: Job) -> None:
    """Sample each model as its parameters say."""
    torch.set_num_threads(1)  # as everywhere: how many must not change a result
    folder = job.theory_file("any").parent
    counts = []
    with replacing(folder) as new:
        new.mkdir()
        progress = bar("simulate", "model", len(MODELS))
        for name, model in MODELS.items():
            table = model(**dict(getattr(job.params.theory, name)))
            write_csv(new / f"{name}.csv", table)
            counts.append(f"{len(table)} lines of {name}")
            progress.update()
        progress.close()
    print(f"simulate: {', '.join(counts)}, in {folder}")


if __name__ == "__main__":
    main(simulate, __doc__)
