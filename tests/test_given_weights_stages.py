"""A suite of weights that were trained elsewhere, through every stage."""

import numpy as np
import pytest
import torch
from stage_functions import job, run_all

from stages.shared.csv_files import read_csv
from stages.shared.errors import UserError
from stages.train_grid import train_grid


def test_a_suite_of_weights_from_elsewhere_goes_through_every_stage(tiny_project, monkeypatch, capsys):
    (tiny_project / "users_own.py").write_text(
        "from torch import nn\n\n\ndef network():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.SiLU(), nn.Linear(16, 10))\n"
    )
    monkeypatch.syspath_prepend(tiny_project)
    import users_own

    for name in ("a", "b", "c"):
        torch.manual_seed(ord(name))
        torch.save(users_own.network().state_dict(), tiny_project / f"{name}.pt")
    text = (tiny_project / "params.yaml").read_text()
    start = text.index("    runs:\n      network: mlp")
    end = text.index("  small_autoencoders:")
    own = f"""    runs: {{network: custom, factory: "users_own:network", batch_norm: true, loss: cross_entropy,
           optimizer: adam, lr: 0.1, epochs: 7, batch_size: 64, seed: 0}}
    grids:
      read:
        weights:
          - [{tiny_project}/a.pt, {tiny_project}/b.pt]
          - [{tiny_project}/a.pt, {tiny_project}/c.pt]
      trained: {{weights: [null]}}
"""
    (tiny_project / "params.yaml").write_text(text[:start] + own + text[end:])
    run_all(tiny_project)
    assert "3 runs, 0 reused, 2 read from files, 1 trained; " in capsys.readouterr().out
    rows = read_csv(tiny_project / "reports" / "measures.csv")
    rows = rows[rows["suite"] == "tiny"]
    first, second, trained = (rows.iloc[place] for place in range(3))
    # Read as users' checkpoints are, which files of `torch.save` are: tensors only, nothing that could run.
    states = {name: torch.load(tiny_project / f"{name}.pt", weights_only=True) for name in ("a", "b", "c")}
    for row, name in ((first, "b"), (second, "c")):
        moved = [k for k in states["a"] if not k.split(".")[-1].startswith(("running", "num"))]
        expected = sum(float(((states["a"][k] - states[name][k]) ** 2).sum()) for k in moved) ** 0.5
        assert row["distance"] == pytest.approx(expected, rel=1e-6)
        assert np.isnan(row["final_epoch_loss"])
        assert row["gauss_length_turning"] > 0
    assert trained["final_epoch_loss"] < 2.4
    assert trained["status"] == "converged"
    capsys.readouterr()
    (tiny_project / "b.pt").write_bytes((tiny_project / "c.pt").read_bytes())
    train_grid(job(tiny_project, "tiny"))
    assert "3 runs, 2 reused, 1 read from files, 0 trained; " in capsys.readouterr().out
    (tiny_project / "c.pt").unlink()
    with pytest.raises(UserError, match="c.pt: No such file"):
        train_grid(job(tiny_project, "tiny"))
