"""Samples of a shipped model under one setting and several seeds, kept as a part of a study."""

from __future__ import annotations

import base64
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dguide.study import Setting

from .evidence import Scale
from .models import loaded, sampled, weights

__all__ = ["Drawn", "draw"]

BATCH = 256
"""Samples of one pass through the network, whose last bits depend on it."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Samples of all seeds, one seed after the other.

    Attributes:
        tokens: [N, L] int64.
        calls: conditional and reference network calls of a batch.
        forced: positions of a sample that had to leave in the last step, on average.
        seconds: processor time of drawing them.
    """

    tokens: Tensor
    calls: tuple[int, int]
    forced: float
    seconds: float


def draw(scale: Scale, model: str, setting: Setting, condition: Mapping[str, Tensor], seeds: tuple[int, ...]) -> Drawn:
    """The samples of a setting, one for each row of the condition and each seed.

    Sample i of a seed has the same random numbers in every setting, so that settings compare in pairs.
    """
    told = {name: values.tolist() for name, values in condition.items()}
    part = {"model": model, "sha256": weights(model), "setting": setting.written, "told": told, "seeds": list(seeds)}

    def make() -> dict[str, Any]:
        source, began = loaded(model), time.process_time()
        runs = [
            sampled(
                source,
                setting.guidance,
                setting.sampler,
                condition,
                decoding=setting.decoding,
                seed=seed,
                batch_size=BATCH,
            )
            for seed in seeds
        ]
        tokens = torch.cat([run.tokens for run in runs]).numpy()
        assert tokens.max() < 256  # one byte each
        tokens = tokens.astype(np.uint8)
        forced = torch.cat([run.forced for run in runs]).double().mean().item()
        calls = [max(run.calls.conditional for run in runs), max(run.calls.reference for run in runs)]
        packed = base64.b85encode(zlib.compress(tokens.tobytes())).decode()
        seconds = time.process_time() - began
        return {"tokens": packed, "shape": list(tokens.shape), "calls": calls, "forced": forced, "seconds": seconds}

    kept = scale.kept(part, make)
    raw = np.frombuffer(zlib.decompress(base64.b85decode(kept["tokens"])), dtype=np.uint8).reshape(kept["shape"])
    conditional, reference = kept["calls"]
    return Drawn(torch.from_numpy(raw.astype(np.int64)), (conditional, reference), kept["forced"], kept["seconds"])
