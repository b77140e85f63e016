"""The examples in docstrings run, and every name at top level has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest
import torch

import dguide

PARTS = (
    *("adapters", "categorical", "denoiser", "guidance", "noise", "pilot", "plots", "process", "samplers"),
    *("state_dict", "study"),
)
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(dguide.__path__, "dguide.") if module.name.split(".")[1] in PARTS
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), extraglobs={"torch": torch})
    assert result.failed == 0


@pytest.mark.parametrize("name", [name for name in dguide.__all__ if not name.startswith("__")])
def test_every_name_at_top_level_has_an_example(name: str) -> None:
    thing = getattr(dguide, name)
    if callable(thing) and not (inspect.isclass(thing) and issubclass(thing, Exception)):
        assert ">>>" in (thing.__doc__ or "")
