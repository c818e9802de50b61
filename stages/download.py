"""Stage `download`: a dataset of params.yaml -> data/datasets/DATASET.safetensors, with a checksum."""

from stages.command import main
from stages.config import Source
from stages.config.discovery import import_named
from stages.config.job import Job
from stages.datasets.splits import Splits, save_dataset
from stages.shared.errors import UserError


def download(job: Job) -> None:
    """Load a dataset and write its tensors.

    Args:
        job: The job, with the name of the dataset.

    Raises:
        UserError: If the parameters have no dataset of that name, or it cannot be loaded or written.
    """
    name = job.name
    if name not in job.params.datasets:
        raise UserError(f"datasets.{name}: no such dataset, expected one of {', '.join(job.params.datasets)}")
    splits = load_source(name, job.params.datasets[name])
    checksum = save_dataset(job.dataset_file(name), name, splits)
    for remark in splits.remarks:
        print(f"download {name}: {remark}")
    shape = "x".join(str(side) for side in splits.train_x.shape[1:])
    kinds = f"{shape}, {splits.classes} classes"
    if splits.evaluation is not None:
        kinds = f"{shape} tokens, vocabulary of {splits.classes}"
    print(
        f"download {name}: {len(splits.train_x)} training and {len(splits.test_x)} test examples, {kinds}, "
        f"sha256 {checksum[:8]}…"
    )


def load_source(name: str, source: Source) -> Splits:
    """Load a source; only what it needs is imported, since PyTorch and torchvision take seconds."""
    load = import_named("stages.datasets", source.loader)
    return load(name, source)


if __name__ == "__main__":
    main(download, "Load a dataset, downloading it if need be, and write its tensors.", per="dataset")
