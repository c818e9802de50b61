"""The tiny parameters, with changes."""

import pytest
import yaml

from stages.config import load


@pytest.fixture
def loaded(tmp_path, tiny_params):
    """Return a function that loads the tiny parameters with some keys set (or removed, by `...`)."""

    def load_with(changes):
        values = yaml.safe_load(tiny_params)
        for key, value in changes.items():
            *parents, last = key.split(".")
            place = values
            for parent in parents:
                place = place[parent]
            if value is ...:
                del place[last]
            else:
                place[last] = value
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(values, sort_keys=False))
        return load(path)

    return load_with
