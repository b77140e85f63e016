"""What every test session shares: one thread, and property-based tests that always try the same examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

settings.register_profile(
    "dguide",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("dguide")

# The tensors here are tiny: threads cost more than they bring, and test workers run side by side.
torch.set_num_threads(1)

TOGETHER = ("test_qm9.py", "test_mnist.py")
"""Files whose tests share data that take long to prepare: one worker runs them all. Other tests go one by one.

(Marks of `xdist_group` do nothing here: pytest 9.2 does not read the test id that pytest-xdist 3.8 sets for them.)
"""


def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Hand out whole files of `TOGETHER`, and single tests otherwise."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if file.endswith(TOGETHER) else nodeid

    return ByFile(config, log)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command line; returns its exit status and what it printed."""
    from dguide.cli import main

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(each) for each in arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call
