import pytest

from stages.shared.errors import UserError
from stages.workers.task import Workload
from stages.workers.task_queue import SAFETY, STARTED, TaskQueue, time_limit


class Clock:
    """Time since the process started, as a test sets it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return STARTED + self.now


def taken(queue: TaskQueue) -> list[int]:
    """Begin all that may begin."""
    found = []
    while (task := queue.take()) is not None:
        found.append(task)
    return found


def test_without_a_limit_all_begin_in_their_order():
    queue = TaskQueue([Workload(cost=cost) for cost in (1, 1e9, 2)])
    assert taken(queue) == [0, 1, 2]
    assert queue.overdue() is None


def test_while_nothing_is_known_tasks_begin_until_the_time_is_over():
    clock = Clock()
    queue = TaskQueue([Workload()] * 3, limit=100, clock=clock)
    clock.now = 99
    assert queue.take() == 0
    clock.now = 100
    assert queue.take() is None


def test_a_task_begins_only_if_one_of_its_kind_would_end_in_time():
    clock = Clock()
    queue = TaskQueue([Workload(cost=cost) for cost in (10, 30, 20, 10)], limit=100, clock=clock)
    assert queue.take() == 0
    queue.finish(0, 20)  # 2 s for a cost of 1
    clock.now = 100 - SAFETY * 40 - 0.1
    assert queue.take() == 2  # the second, of 60 s, would end too late
    clock.now = 100 - SAFETY * 20 + 0.1
    assert queue.take() is None
    assert (queue.units_finished, queue.units_left) == (1, 3)


def test_the_slowest_of_a_kind_counts():
    clock = Clock()
    queue = TaskQueue([Workload()] * 4, limit=100, clock=clock)
    for seconds in (60, 10):
        queue.finish(queue.take(), seconds)
    clock.now = 40
    assert queue.take() is None
    clock.now = 20
    assert queue.take() == 2


def test_of_another_kind_the_mean_speed_counts():
    clock = Clock()
    workloads = [Workload(cost=1, kind="a"), Workload(cost=3, kind="b"), Workload(cost=10, kind="c")]
    queue = TaskQueue(workloads, limit=100, clock=clock)
    queue.finish(queue.take(), 5)
    queue.finish(queue.take(), 3)  # 2 s for a cost of 1, so 20 s for the third
    clock.now = 100 - SAFETY * 20 + 0.1
    assert queue.take() is None
    clock.now = 100 - SAFETY * 20 - 0.1
    assert queue.take() == 2


def test_units_done_count_shares_and_end_at_all():
    queue = TaskQueue([Workload(units=4), Workload(units=6)])
    taken(queue)
    queue.report(0, 0.25)
    queue.report(1, 0.5)
    assert queue.units_done == 4
    queue.finish(0, 1)
    queue.report(0, 0.9)  # too late to count
    assert queue.units_done == 7
    queue.finish(1, 1)
    assert queue.units_done == 10
    assert queue.units_left == 0


def test_tasks_beyond_the_limit_are_told_of_once():
    clock = Clock()
    queue = TaskQueue([Workload()] * 2, limit=100, clock=clock)
    taken(queue)
    clock.now = 99
    assert queue.overdue() is None
    clock.now = 101
    assert "100 s are over" in queue.overdue()
    assert queue.overdue() is None


@pytest.mark.parametrize("text", ["soon", "0", "-5", "nan", "inf", "10m"])
def test_a_limit_that_is_no_positive_number(monkeypatch, text):
    monkeypatch.setenv("MLI_TIME", text)
    with pytest.raises(UserError, match=f"^MLI_TIME: got '{text}', expected a positive number of seconds$"):
        time_limit()


@pytest.mark.parametrize(("text", "seconds"), [("", None), ("600", 600), ("0.5", 0.5), ("1e3", 1000)])
def test_limits(monkeypatch, text, seconds):
    monkeypatch.setenv("MLI_TIME", text)
    assert time_limit() == seconds
