"""The parameters that each stage reads, and the files in data/inputs/parameters that hold their values for DVC."""

PARAMETERS: dict[str, tuple[str, ...]] = {
    "download": ("datasets.{dataset}",),
    "train_grid": (
        "interpolate.batch_norm",
        "suites.{suite}.dataset",
        "suites.{suite}.grids",
        "suites.{suite}.runs",
        "suites.{suite}.threshold",
    ),
    "interpolate": (
        "interpolate",
        "suites.{suite}.dataset",
        "suites.{suite}.gauss_examples",
        "suites.{suite}.grids",
        "suites.{suite}.lines",
        "suites.{suite}.path_examples",
        "suites.{suite}.planes",
        "suites.{suite}.runs",
        "suites.{suite}.threshold",
        "suites.{suite}.tolerance",
    ),
    "simulate": ("theory",),
    "measure": ("measure", "suites"),
    "plot": ("measure", "plot", "suites"),
    "report": ("claims", "measure", "plot", "suites"),
}
"""Keys of params.yaml, by the stage that a change of them runs again. A stage whose keys contain `{dataset}` or
`{suite}` runs once for each dataset or suite."""


def keys_by_file(values: dict) -> dict[str, list[str]]:
    """Return the keys of params.yaml that each file of parameters holds.

    Args:
        values: The parameters as plain values.

    Returns:
        Keys by the file's name in data/inputs: `parameters/measure.json` or `parameters/train_grid/SUITE.json`.
    """
    files = {}
    for stage, keys in PARAMETERS.items():
        if "{dataset}" in keys[-1]:
            names = {f"{stage}/{name}": {"dataset": name} for name in values["datasets"]}
        elif "{suite}" in keys[-1]:
            names = {f"{stage}/{name}": {"suite": name} for name in values["suites"]}
        else:
            names = {stage: {}}
        for name, chosen in names.items():
            files[f"parameters/{name}.json"] = [key.format_map(chosen) for key in keys]
    return files


def parameter_files(values: dict) -> dict[str, dict[str, object]]:
    """Return the content of each file of parameters, by its name in data/inputs.

    Args:
        values: The parameters as plain values.

    Returns:
        Values by key, for each file. Mappings keep their order, which rows and the points of a plane follow.
    """
    return {file: {key: _value(values, key) for key in keys} for file, keys in keys_by_file(values).items()}


def _value(values: dict, key: str) -> object:
    found: object = values
    for part in key.split("."):
        found = found[part]
    return found
