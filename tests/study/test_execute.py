"""Each task is done once where possible, whoever dies, and no result is lost."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

import numpy as np
import pytest
from small_tasks import Deadly, Square, Wrong

from dguide.errors import InputError
from dguide.study import Here, Processes, Saved, Store, TaskFailed, execute


def squares(store):
    return {key: store.read(key).arrays["square"].tolist() for key in store.keys()}  # noqa: SIM118


def log_of(path):
    return [int(line.split()[0]) for line in path.read_text().splitlines()]


@pytest.fixture
def in_order(monkeypatch):
    monkeypatch.setattr(sys.modules["dguide.study.execute"], "_NEAR", 1)


def test_only_what_is_missing_is_done(tmp_path, in_order):
    store, log, seen = Store(tmp_path / "out"), tmp_path / "log", []
    tasks = [Square(number, log) for number in range(5)]
    execute(tasks[1:3], store)
    (tmp_path / "out" / f"{tasks[1].key}.safetensors").write_bytes(b"damaged")
    execute([*tasks, *tasks], store, Here(), lambda done, count: seen.append((done, count)))
    assert log_of(log) == [1, 2, 0, 1, 3, 4]
    assert seen == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert squares(store) == {task.key: [task.number**2] for task in tasks}
    execute(tasks, store)
    assert len(log_of(log)) == 6


@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        ("bug", TaskFailed, "task square/2-.*: ZeroDivisionError: a bug"),
        ("input", InputError, "task square/2-.*another"),
    ],
)
def test_an_error_names_its_task_and_the_results_before_are_kept(tmp_path, in_order, kind, error, text):
    store, tasks = Store(tmp_path), [Square(0), Square(1), Wrong(2, kind=kind), Square(3)]
    with pytest.raises(error, match=text) as caught:
        execute(tasks, store)
    assert caught.value.__cause__ is not None
    assert store.keys() == [task.key for task in tasks[:2]]
    execute([Square(2)], store)  # corrected


def test_tasks_compute_with_one_thread(tmp_path):
    import torch

    class Threads(Square):
        def run(self):
            return Saved({"square": np.array([torch.get_num_threads()])})

    torch.set_num_threads(2)
    try:
        execute([Threads(1)], Store(tmp_path))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert list(squares(Store(tmp_path)).values()) == [[1]]


def test_two_starters_share_the_work(tmp_path, monkeypatch):
    """Both end with all results, and few tasks are done twice, though both begin and write at the same moments."""
    store, log, count, write = Store(tmp_path / "out"), tmp_path / "log", 40, Store.write
    tasks = [Square(number, log) for number in range(count)]
    pace = threading.Barrier(2)

    def write_together(self, key, saved):
        with contextlib.suppress(threading.BrokenBarrierError):
            pace.wait(timeout=1)
        write(self, key, saved)

    monkeypatch.setattr(Store, "write", write_together)
    threads = [threading.Thread(target=execute, args=(tasks, store)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(squares(store)) == count
    done = log_of(log)
    assert len(done) <= count + 14
    assert set(done) == set(range(count))


def test_workers_die_and_the_work_goes_on(tmp_path, in_order):
    """One task ends its worker once, and the last one raises an error, which says where it arose."""
    store, path = Store(tmp_path / "out"), tmp_path / "log"
    tasks = [Deadly(7, tmp_path / "once", times=1), *(Square(number, path) for number in range(6)), Wrong(10)]
    with pytest.raises(TaskFailed, match="ZeroDivisionError: a bug") as caught:
        execute(tasks, store, Processes(1))
    assert "small_tasks.py" in str(caught.value.__cause__.__cause__)
    assert len(squares(store)) == 7
    assert sorted(log_of(path)) == [0, 1, 2, 3, 4, 5]
    assert str(os.getpid()) not in path.read_text()


def test_a_task_that_ends_its_workers_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("dguide.study.executors.MOST_DEATHS", 2)
    deadly = Deadly(8, tmp_path / "always", times=99)
    with pytest.raises(TaskFailed, match=r"task square/8-.* ended 2 workers, the last one with signal 9"):
        execute([deadly], Store(tmp_path / "out"), Processes(1))
    assert len((tmp_path / "always").read_text().splitlines()) == 2


def test_a_task_that_cannot_be_sent(tmp_path):
    with pytest.raises(InputError, match=r"task square/11-.*cannot be pickled"):
        execute([Square(11, log=threading.Lock())], Store(tmp_path), Processes(1))


@pytest.mark.parametrize("jobs", [0, -1, 1.5, True])
def test_jobs_are_a_number(jobs):
    with pytest.raises(InputError, match="jobs"):
        Processes(jobs)
