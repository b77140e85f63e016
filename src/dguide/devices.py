"""Devices: which ones can be used, and work that does not depend on the default device of PyTorch.

`torch.set_default_device` moves tensors that are made without a device. Functions of dguide make small tensors on the
CPU. So they run with the CPU as the default, and call networks with the default that the user has set. In the same way
`torch.set_default_dtype` changes the weights of new networks; what makes networks of dguide runs in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

from .errors import bad

__all__ = ["best_device", "in_float32", "on_cpu", "usable_device", "users_default"]

P = ParamSpec("P")
T = TypeVar("T")

_USERS: ContextVar[torch.device | None] = ContextVar("users", default=None)
"""The default device that the user has set, if it is another than the CPU."""


def on_cpu(function: Callable[P, T]) -> Callable[P, T]:
    """The function with the CPU as the default device."""

    @wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        default = torch.get_default_device()
        if default.type == "cpu":  # entering a device makes every operation slower
            return function(*arguments, **options)
        token = _USERS.set(default)
        try:
            with torch.device("cpu"):
                return function(*arguments, **options)
        finally:
            _USERS.reset(token)

    return call


def in_float32(function: Callable[P, T]) -> Callable[P, T]:
    """The function with float32 as the default dtype."""

    @wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)
        try:
            return function(*arguments, **options)
        finally:
            torch.set_default_dtype(default)

    return call


def users_default() -> AbstractContextManager[object]:
    """The default device as the user has set it, for calls of a network."""
    device = _USERS.get()
    return nullcontext() if device is None else device


def usable_device(device: torch.device | str) -> torch.device:
    """The device of that name. Raises `ValueError` if nothing can be computed on it, or not in float64."""
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen, dtype=torch.float64).tolist()
    except (RuntimeError, AssertionError, NotImplementedError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        expected = "a device that this PyTorch can use, with float64"
        raise bad(
            "device", repr(device if not isinstance(device, torch.device) else str(device)), expected, reason
        ) from error
    return chosen


def best_device() -> torch.device:
    """An accelerator if there is one that can be used, else the CPU."""
    found = torch.accelerator.current_accelerator()
    try:
        return torch.device("cpu") if found is None else usable_device(found)
    except ValueError:
        return torch.device("cpu")
