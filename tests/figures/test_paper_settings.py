"""Table 12, held to rows worked by hand."""

import numpy as np
import pandas as pd
import pytest
from test_beside_the_paper import TANH, made_of

from stages.figures.paper_settings import settings_of_tables_5_to_7

PLAIN = {**TANH, "outputs": np.nan, "gain": 1.0, "batch_size": 128, "momentum": 0.9}


def test_runs_beside_the_papers_of_the_same_optimizer_and_learning_rate():
    run = {**PLAIN, "lr": 0.001, "distance": 16.192, "gauss_length_smooth_grid": 0.5341, "gauss_length_smooth": 1.0682}
    table = settings_of_tables_5_to_7(
        made_of(
            run,
            {**run, "optimizer": "adam", "gain": 2.0, "outputs": 1024, "distance": 350.174},
            {**run, "lr": 0.5},
            {**run, "switch_after": 2.0, "switch_optimizer": "adam", "switch_lr": 0.001},
            {**run, "status": "above threshold"},
        )
    )
    data = table.data
    assert data["distance_ratio"].tolist()[:2] == [pytest.approx(2), pytest.approx(1)]
    assert data["gauss_length_smooth_grid_ratio"].iloc[0] == pytest.approx(1)
    assert data["gauss_length_smooth_ratio"].iloc[0] == pytest.approx(2)
    assert pd.isna(data["paper_distance"]).tolist() == [False, False, True]
    assert "| mnist_standardised, 1024-1024, batches of 128, SGD 0.001" in table.markdown
    assert "1024 outputs, gain 2, batches of 128, Adam 0.001" in table.markdown
    assert "16.2<br>paper 8.1: 2.00 times" in table.markdown


def test_without_runs_the_table_has_no_rows():
    table = settings_of_tables_5_to_7(made_of({**PLAIN, "status": "diverged", "monotonic": np.nan}))
    assert table.data.empty
