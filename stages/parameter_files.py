"""Which parameters each stage reads, and the files in data/inputs/parameters by which it depends on their values."""

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
        "suites.{suite}.tolerance",
    ),
    "simulate": ("theory",),
    "measure": ("measure", "suites"),
    "plot": ("measure", "plot", "suites"),
    "report": ("claims", "measure", "plot", "suites"),
}
"""For each stage the keys of params.yaml whose change runs it again. A stage whose keys hold `{dataset}` or `{suite}`
runs once for each of these."""


def keys_by_file(values: dict) -> dict[str, list[str]]:
    """Return which keys of params.yaml each file of parameters holds.

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
    """Return what each file of parameters holds, by the file's name in data/inputs.

    Args:
        values: The parameters as plain values.

    Returns:
        For each file the value of each key. Mappings keep their order: rows, and the points of a plane, follow it.
    """
    return {file: {key: _value(values, key) for key in keys} for file, keys in keys_by_file(values).items()}


def _value(values: dict, key: str) -> object:
    found: object = values
    for part in key.split("."):
        found = found[part]
    return found
