"""The one loop of all stages: what the store lacks is made, once, and nothing else is."""

from pathlib import Path

import numpy as np
import pytest

from stages.shared.errors import UserError
from stages.shared.store import Store
from stages.workers import fill as module
from stages.workers.fill import check_settings, fill
from stages.workers.task import Task, TaskPaths


def double(paths: TaskPaths, key: str, number: float) -> dict[str, int]:
    """A task: keep twice a number, and the same number again as an entry of another kind."""
    store = Store(paths.store)
    store.put("doubles", key, {"x": np.array(2 * number)}, {})
    store.put("numbers", f"number of {key}", {"x": np.array(number)}, {})
    return {"doubled": 1}


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    monkeypatch.setenv("MLI_JOBS", "0")
    for name in ("MLI_SCHEDULER", "MLI_TIME", "MLI_DEVICE"):
        monkeypatch.delenv(name, raising=False)


class Plan:
    """Makes a task for each item, and remembers for which it was asked."""

    def __init__(self, keys: list[str]) -> None:
        self.keys, self.asked = keys, []

    def __call__(self, missing: list[int]) -> list[Task]:
        self.asked.append(missing)
        return [Task(double, (self.keys[position], float(position))) for position in missing]


def filled(store: Store, keys: list[str], plan: Plan) -> dict[str, list[str]]:
    entries = {"doubles": keys, "numbers": [f"number of {key}" for key in keys]}
    return fill(store, entries, plan, "toy", "number", "not.imported")


def test_only_what_is_missing_is_made(tmp_path):
    store, keys = Store(tmp_path), ["a", "b", "c"]
    double(TaskPaths(None, tmp_path), "b", 10.0)
    plan = Plan(keys)
    assert filled(store, keys, plan) == {"doubles": ["a", "c"], "numbers": ["number of a", "number of c"]}
    assert plan.asked == [[0, 2]]
    assert [float(store.get("doubles", key)[0]["x"]) for key in keys] == [0.0, 20.0, 4.0]


def test_where_nothing_is_missing_nothing_is_planned(tmp_path):
    store, keys = Store(tmp_path), ["a", "b"]
    filled(store, keys, Plan(keys))
    plan = Plan(keys)
    assert filled(store, keys, plan) == {"doubles": [], "numbers": []}
    assert plan.asked == []


def test_an_item_of_which_one_entry_is_missing_or_damaged_is_made_again(tmp_path):
    store, keys = Store(tmp_path), ["a", "b", "c"]
    filled(store, keys, Plan(keys))
    store.path("numbers", "number of b").unlink()
    path = store.path("doubles", "c")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    plan = Plan(keys)
    assert filled(store, keys, plan) == {"doubles": ["c"], "numbers": ["number of b"]}
    assert plan.asked == [[1, 2]]
    assert float(store.get("doubles", "c")[0]["x"]) == 4.0


def test_an_item_that_occurs_twice_is_made_once(tmp_path):
    store, keys = Store(tmp_path), ["a", "b", "a"]
    plan = Plan(keys)
    assert filled(store, keys, plan)["doubles"] == ["a", "b"]
    assert plan.asked == [[0, 1]]


def test_the_bar_counts_items_and_shows_what_tasks_counted(tmp_path, monkeypatch):
    store, keys, shown = Store(tmp_path), ["a", "b", "c"], []
    double(TaskPaths(None, tmp_path), "b", 10.0)
    make = module.bar
    monkeypatch.setattr(module, "bar", lambda *arguments: shown.append(make(*arguments)) or shown[0])
    filled(store, keys, Plan(keys))
    assert (shown[0].n, shown[0].total) == (3, 3)
    assert "doubled=2, reused=1" in shown[0].postfix


def refuse(paths: TaskPaths) -> None:
    raise UserError("the disk is full")


def test_a_task_that_fails_ends_the_loop(tmp_path):
    with pytest.raises(UserError, match="^the disk is full$"):
        fill(Store(tmp_path), {"doubles": ["a"]}, lambda _: [Task(refuse, ())], "toy", "number", "not.imported")


@pytest.mark.parametrize(
    ("scheduler", "dataset", "starts"),
    [
        ("", None, True),
        ("", Path("d"), True),
        ("tcp://localhost:1", None, True),
        ("tcp://localhost:1", Path("d"), False),
    ],
)
def test_the_fork_server_starts_for_work_on_this_machine_only(tmp_path, monkeypatch, scheduler, dataset, starts):
    monkeypatch.setenv("MLI_SCHEDULER", scheduler)
    started = []
    monkeypatch.setattr(module.fork_server, "start", started.append)
    fill(Store(tmp_path), {"doubles": ["a"]}, lambda _: [], "toy", "number", "some.module", dataset)
    assert started == (["some.module"] if starts else [])


@pytest.mark.parametrize(("name", "value"), [("MLI_JOBS", "many"), ("MLI_TIME", "soon"), ("MLI_DEVICE", "tpu")])
def test_faulty_settings_are_refused(monkeypatch, name, value):
    monkeypatch.delenv("MLI_JOBS")
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"{name}: got '{value}'"):
        check_settings()
