"""A model that exists already, in place of one for each run: which rare examples has it learnt?"""

from __future__ import annotations

from functools import lru_cache

from ... import checkpoint as checkpoints
from ...data import LOADERS, few, load
from ...errors import InputError, bad

__all__ = ["choice_of"]


@lru_cache(maxsize=4)
def choice_of(model: str, data: str, rare: str, real: int) -> int | None:
    """The seed by which the rare examples that a model has learnt were chosen; None if it has learnt all of the data.

    Args:
        model: The checkpoint.
        data: The data of the pilot.
        rare: The rare class.
        real: Number of its examples that stay in the training part.

    Raises:
        ValueError: If there is no such checkpoint, or it has learnt other data than these, whole or with as few
            examples (`few`).
    """
    config, whole = checkpoints.load(model).config, load(data, typed=True)
    if config.data_digest == whole.digest:
        return None
    seed = _seed(config.data)
    if seed is not None and few(whole, rare, real, seed).digest == config.data_digest:
        return seed
    expected = f"one of {data}, or of few:({data}),rare={rare},real={real}, as they are now"
    raise bad(f"model {model}", f"one of {config.data}", expected)


def _seed(name: str) -> int | None:
    """The seed in the name of data with few examples of a class; None for other data."""
    try:
        call = LOADERS.call(name)
    except InputError:  # data of another machine, or of code that is not imported here
        return None
    return int(call.arguments.get("seed", 0)) if call.target is LOADERS["few"] else None
