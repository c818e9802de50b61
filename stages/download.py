"""Stage `download`: make a dataset of params.yaml into one checked file of tensors."""

from stages.command import main
from stages.config.job import Job
from stages.config.params import DigitsSource, EsperantoSource, ImageFolderSource, Source, TextSource
from stages.datasets.splits import Splits, save_dataset
from stages.shared.errors import UserError


def download(job: Job) -> None:
    """Load the dataset that is asked for and write it.

    Args:
        job: What is asked for.

    Raises:
        UserError: If there is no dataset of that name, or it cannot be loaded or written.
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
    if isinstance(source, EsperantoSource | TextSource):
        from stages.datasets.text import load_text

        return load_text(name, source)
    if isinstance(source, DigitsSource):
        from stages.datasets.digits import load_digits

        splits = load_digits(name, source)
    else:
        from stages.datasets.vision import load_image_folder, load_torchvision

        if isinstance(source, ImageFolderSource):
            return load_image_folder(name, source)
        splits = load_torchvision(name, source)
    if source.image_size is None:
        return splits
    from stages.datasets.resize import resized

    return resized(splits, source.image_size)


if __name__ == "__main__":
    main(download, "Load a dataset, downloading it if need be, and write its tensors.", per="dataset")
