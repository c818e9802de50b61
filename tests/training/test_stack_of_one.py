"""A run's weights do not depend on the runs that are trained in one stack with it."""

import pytest
import torch
from test_stack import CPU, GRAFTED, KFAC, RESNET, SETTINGS, SWITCHED, mixed, toy, variant  # noqa: F401 (a fixture)

from stages.training.training_loop import train

WIDE_RESNET = RESNET | {"width_multiplier": 0.25, "batch_norm": True, "epochs": 1}
COMPANY = [{}, {"batch_norm": True}, {"hidden": (33, 17), "activation": "sigmoid"}, WIDE_RESNET]
COMPANY += [{"hidden": (33, 17), "clip_norm": 0.2, "schedule": "linear", "steps": 7}]
COMPANY += [SETTINGS[name] for name in ("vgg, augmented", "simple cnn", "alexnet")]
SLOW_COMPANY = [SETTINGS[name] for name in ("resnet, fixup", "resnet, augmented")]
WIDE_KFAC = {"hidden": (33, 17), "batch_norm": True, "activation": "relu", "factor_interval": 2, "inverse_interval": 3}
FAMILIES = [mixed(**setting) for setting in COMPANY]
FAMILIES += [pytest.param(mixed(**setting), marks=pytest.mark.long) for setting in SLOW_COMPANY]
FAMILIES += [SWITCHED, GRAFTED, KFAC + mixed(), [variant(**vars(run) | WIDE_KFAC) for run in KFAC]]


@pytest.mark.parametrize("runs", FAMILIES)
def test_company_changes_no_bit(toy, runs):  # noqa: F811
    stranger, other = (runs[0].model_copy(update={"seed": seed}) for seed in (77, 78))
    together = dict(zip(runs, train(runs, toy, CPU), strict=True))
    for company in (*([run] for run in runs), [runs[0], stranger], [stranger, runs[-1]], [*reversed(runs), other]):
        for again in train(company, toy, CPU):
            if again.run not in (stranger, other):
                assert torch.equal(again.final, together[again.run].final)
                assert torch.equal(again.epoch_loss, together[again.run].epoch_loss)
