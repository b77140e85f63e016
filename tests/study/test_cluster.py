"""On a Ray cluster of two nodes, one of which is killed in the middle, every result is there, and the same."""

from __future__ import annotations

import pytest
from small_tasks import Square, Wrong

from dguide.errors import InputError, MissingExtra
from dguide.study import Ray, Store, TaskFailed, execute


def test_a_node_is_killed(tmp_path):
    pytest.importorskip("ray", reason="needs ray: pip install 'dguide[ray]'")
    from ray.cluster_utils import Cluster

    node = {"node_ip_address": "127.0.0.1", "num_cpus": 1, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        second, log = cluster.add_node(node_ip_address="127.0.0.1", num_cpus=1), tmp_path / "log"
        store, tasks = Store(tmp_path / "out"), [Square(number, log, sleep=0.4) for number in range(40)]
        killed = []

        def kill(done, count):
            workers = {line.split()[1] for line in log.read_text().splitlines()} if done else set()
            if len(workers) == 2 and not killed:  # both nodes work
                killed.append(done)
                cluster.remove_node(second, allow_graceful=False)

        execute(tasks, store, Ray(cluster.address), kill)
        assert killed
        assert killed[0] < 38
        execute(tasks, Store(tmp_path / "here"))
        for task in tasks:
            assert (store.read(task.key).arrays["square"] == task.number**2).all()
        assert store.keys() == Store(tmp_path / "here").keys()
        with pytest.raises(TaskFailed, match="ZeroDivisionError: a bug"):
            execute([Wrong(77)], store, Ray(cluster.address))
        with pytest.raises(InputError, match="--gpus-per-task: got 4, expected at most 0"):
            execute([Square(99)], store, Ray(cluster.address, gpus_per_task=4))
    finally:
        cluster.shutdown()


def test_gpus_are_a_number():
    for wrong in (-1.0, float("nan"), "1"):
        with pytest.raises(InputError, match="gpus_per_task"):
            Ray(gpus_per_task=wrong)


def test_without_ray_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'dguide\[ray\]'"):
        execute([Square(1)], Store(tmp_path), Ray())
