"""Mistakes that the first answer of a network shows: training mode, probabilities in place of logits, other shapes.

Dropout and batch statistics would make samples irreproducible.

A denoiser may be a network, or anything that holds one: an object, a method, a closure, a function that uses a global.
Such networks are looked for in the denoiser. If one is in training mode, the first call is repeated. Answers that agree
prove little where labels or layers are dropped seldom. So it must not draw random numbers either.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import pickle
import random
from collections.abc import Callable, Iterator
from itertools import islice
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..denoiser import Condition, tensors_of
from ..errors import bad, with_data
from ..extension import listed
from ..process import PREDICTIONS, Process

__all__ = [
    "check_answer",
    "check_declared",
    "check_logits",
    "check_parts",
    "check_repeatable",
    "check_type",
    "in_answer",
    "modules_in",
    "out_of_range",
]

_DEEPEST = 4
"""How many objects within each other are looked into."""
_MOST = 200
"""Parts of an object that are looked at."""
_FOREIGN = ("torch", "transformers", "builtins", "dguide", "typing", "collections", "abc", "enum")
"""Packages whose classes hold no network of the user."""
_REPEATS = 3
"""Calls that are compared with the first; what happens by chance in a network seldom spares all of them."""
_CHECKED_ROWS = 16
"""Rows of an answer that are looked at."""
_CLOSE = 1e-3
"""Differences of logits that are rounding: kernels of a GPU may add in another order."""


def check_parts(denoiser: object, process: object) -> None:
    """Raise `ValueError` for what cannot be called as a denoiser, or is no process."""
    if not callable(denoiser) or isinstance(denoiser, type):
        name = denoiser.__name__ if isinstance(denoiser, type) else type(denoiser).__name__
        got = f"the class {name}" if isinstance(denoiser, type) else name
        raise bad("denoiser", got, "a callable (tokens, time, condition) -> logits", "Pass an object.")
    if not isinstance(process, Process):
        remedy = "A denoiser of dguide.adapt has one: denoiser.process." if process is None else ""
        raise bad("process", repr(process), f"an instance of {listed(Process)}", remedy)
    check_declared("denoiser", denoiser, process)


def check_declared(what: str, denoiser: object, process: Process) -> None:
    """Raise `ValueError` for a network that says in `prediction` that it predicts another law than the process reads.

    Where noise is one token the two laws are the same. An attribute of that name that is no text means something else.
    """
    told = getattr(denoiser, "prediction", None)
    if process.point_mass or not isinstance(told, str) or told == process.prediction:
        return
    if told not in PREDICTIONS:
        raise bad(f"prediction of the {what}", repr(told), " or ".join(map(repr, PREDICTIONS)))
    expected = f"{process.prediction!r}, which the process reads"
    remedy = f"Use {type(process).__name__}(..., prediction={told!r}), which reads all networks of a run so."
    raise bad(f"prediction of the {what}", repr(told), expected, remedy)


@contextlib.contextmanager
def out_of_range(name: str, tokens: Tensor, condition: Condition) -> Iterator[None]:
    """A context for calls of a network: an `IndexError` in it says which tokens and labels the network must read."""
    try:
        yield
    except IndexError as error:
        labels = [f"{int(x.min())} to {int(x.max())}" for x in tensors_of(condition) if x.dtype == torch.int64]
        read = f" and labels from {', '.join(labels)}, that of null() included" if labels else ""
        expected = f"a network that reads tokens up to {int(tokens.max())}{read}"
        remedy = "If its mask is another token: Masked(..., mask_id=...). A null label has a row of the embedding."
        raise bad(name, f"IndexError: {error}", expected, remedy) from error


def in_answer(answer: object) -> str:
    """The remedy for an object that holds logits, as models of transformers return it; nothing for other answers."""
    return "Return its .logits, or let dguide.adapt call the model." if hasattr(answer, "logits") else ""


def check_answer(name: str, logits: object, tokens: Tensor, vocab: int) -> Tensor:
    """The answer for `tokens` [B, L]. Raise `ValueError` unless it is logits [B, L, V] on their device.

    The numbers are looked at as well: they are finite, or -inf where a token is impossible.
    """
    shape = [*tokens.shape, vocab]
    if not isinstance(logits, Tensor) or list(logits.shape) != shape:
        got = f"{list(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        raise bad(name, got, f"a tensor [B, L, V] = {shape}", in_answer(logits))
    check_type(name, logits, tokens.device)
    largest = logits.detach().amax(-1)
    if not bool(largest.isfinite().all()):
        nan, positive = bool(largest.isnan().any()), bool(largest.isposinf().any())
        got = "NaN" if nan else "inf" if positive else "a row of -inf alone"
        raise bad(name, got, "finite logits, or -inf for tokens that are impossible")
    return logits


def check_type(name: str, logits: Tensor, device: torch.device) -> None:
    """Raise `ValueError` for logits that are no floating-point numbers, on another device, or sparse."""
    if not logits.dtype.is_floating_point:
        raise bad(name, logits.dtype, "a floating dtype")
    if logits.device != device:
        raise bad(name, f"device {logits.device}", f"{device}", "Pass device= or move the denoiser.")
    with_data(name, logits)


def check_repeatable(name: str, model: object, call: Callable[[], Tensor]) -> Tensor:
    """The answer of the first `call` to a network, which must give it again.

    Args:
        name: What an error calls the answer.
        model: The denoiser.
        call: Calls it.

    Raises:
        ValueError: If a network in it is in training mode, and another call gives another answer or draws random
            numbers, or the first one changed the statistics of its batch normalisation.
    """
    training = [module for each in modules_in(model) for module in each.modules() if module.training]
    if not training:
        return call()
    counters = [m.num_batches_tracked for m in training if isinstance(m, _BatchNorm) and m.track_running_stats]
    before = [int(counter) for counter in counters if counter is not None]
    first = call()
    got = ""
    if before != [int(counter) for counter in counters if counter is not None]:
        got = "batch statistics that change"
    for _ in range(_REPEATS if isinstance(first, Tensor) else 0):
        drawn = _random_states(training, first.device)
        if not _same(first, call()):
            got = got or "another answer to the same call"
        elif drawn != _random_states(training, first.device):
            got = got or "random numbers drawn in each call"
    if got:
        remedy = f"A {type(training[0]).__name__} in it is in training mode: call .eval() on the network."
        raise bad(name, got, "a network that answers the same each time", remedy)
    return first


def _random_states(modules: list[nn.Module], device: torch.device) -> list[object]:
    """The states of the generators that a network draws from: the global ones, and those that its modules hold.

    A network that seeds its generator in each call leaves the same state each time.
    """
    held = {id(each): each for module in modules for each in vars(module).values() if type(each) is torch.Generator}
    states = [torch.get_rng_state(), *(generator.get_state() for generator in held.values())]
    if device.type not in ("cpu", "meta"):
        states.append(torch.get_device_module(device).get_rng_state(device))
    everywhere = random.getstate(), pickle.dumps(np.random.get_state(legacy=False))
    return [*everywhere, *(state.numpy().tobytes() for state in states)]


def check_logits(name: str, logits: Tensor) -> None:
    """Raise `ValueError` if the first rows of an answer [N, V] are probabilities instead of logits.

    Args:
        name: What an error calls the answer.
        logits: Its rows.
    """
    rows = logits[:_CHECKED_ROWS]
    if rows.shape[-1] == 1 or bool((rows < 0).any()):
        return
    close = 2e-2 if rows.dtype in (torch.float16, torch.bfloat16) else 1e-4
    if bool(((rows.sum(-1, dtype=torch.float32) - 1).abs() < close).all()):
        mistaken = "rows that are nowhere negative and sum to one"
        raise bad(name, mistaken, "logits", "Pass logits, or log-probabilities.")


def modules_in(holder: object) -> Iterator[nn.Module]:
    """The networks that a denoiser is, or holds: in attributes, containers, closures, and globals that it uses."""
    seen: set[int] = set()
    todo: list[tuple[Any, int]] = [(holder, 0)]
    while todo:
        each, depth = todo.pop()
        if id(each) in seen or depth > _DEEPEST or isinstance(each, (Tensor, str, bytes, type)):
            continue
        seen.add(id(each))
        if isinstance(each, nn.Module):
            yield each
        todo += [(part, depth + 1) for part in islice(_parts(each), _MOST)]


def _parts(holder: Any) -> Iterator[Any]:
    """What an object holds."""
    if isinstance(holder, (list, tuple, set)):
        yield from holder
    elif isinstance(holder, dict):
        yield from holder.values()
    elif isinstance(holder, functools.partial):
        yield from (holder.func, holder.args, holder.keywords)
    elif isinstance(holder, MethodType):
        yield from (holder.__self__, holder.__func__)
    elif isinstance(holder, FunctionType):
        yield from (holder.__defaults__, holder.__kwdefaults__)
        names = holder.__code__.co_names
        used = [holder.__globals__.get(name) for name in names]
        yield from used
        # a network of another module, as in `models.network(tokens)`
        yield from (vars(each).get(name) for each in used if inspect.ismodule(each) for name in names)
        for cell in holder.__closure__ or ():
            with contextlib.suppress(ValueError):  # empty until what it is for is defined
                yield cell.cell_contents
    elif not inspect.ismodule(holder) and not inspect.isbuiltin(holder):
        yield from getattr(holder, "__dict__", {}).values()
        yield from (getattr(holder, slot, None) for slot in getattr(type(holder), "__slots__", ()))
        for cls in type(holder).__mro__:
            if cls.__module__.partition(".")[0] not in _FOREIGN:
                yield from (_code(each) for each in vars(cls).values())


def _code(member: Any) -> Any:
    """The function behind a member of a class, or the member itself."""
    return getattr(member, "fget", None) or getattr(member, "__func__", member)


def _same(first: Tensor, second: Tensor) -> bool:
    return first.shape == second.shape and torch.allclose(first, second, _CLOSE, _CLOSE, equal_nan=True)
