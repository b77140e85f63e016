"""CUDA graphs: records the trunk once for each of a few batch sizes, then launches it as one unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..errors import bad
from .condition import Condition, apply
from .inference import Parts
from .transformer import Trunk

__all__ = ["CudaGraphs", "Recorded", "Recorder", "bucket"]

Recorder = Callable[[Callable[[], Trunk]], tuple[Callable[[], Any], Trunk]]
"""Runs a function once. Returns a function that runs it again, and the results, which each run overwrites."""

_WARM_UP = 3
"""Number of runs before a recording, in which libraries choose algorithms and the compiler compiles."""


@dataclass(frozen=True)
class CudaGraphs:
    """Records the trunk as CUDA graphs, which saves the launch of each kernel. The readout does not change.

    A graph has fixed shapes. So a batch is padded to the next of the sizes 1, 2, 3, 4, 6, 8, 12, 16, 24, ... (at most
    1.5 times its size). Each size is recorded when it is first needed. An `Inference` with CUDA graphs can be used by
    one thread at a time.

    Raises:
        ValueError: In the call, if the network is not on CUDA.
    """

    def __call__(self, parts: Parts, device: torch.device) -> Parts:
        """Parts whose trunk is recorded."""
        if device.type != "cuda":
            remedy = "Move the model to cuda first, or leave CudaGraphs out."
            raise bad("CudaGraphs", f"a network on {device}", "one on CUDA", remedy)
        return Parts(Recorded(parts.trunk, recorder(device)), parts.readout)


def bucket(batch: int) -> int:
    """The smallest of 1, 2, 3, 4, 6, 8, 12, 16, ... (powers of two and midpoints) that is at least `batch`."""
    power = 1 << max(batch - 1, 0).bit_length()
    return power * 3 // 4 if power >= 4 and batch <= power * 3 // 4 else power


@dataclass(frozen=True, eq=False)
class _Recording:
    """Inputs and results of a recorded run, at fixed addresses."""

    tokens: Tensor
    time: Tensor
    condition: Condition
    replay: Callable[[], Any]
    results: Trunk


@dataclass(frozen=True, eq=False)
class Recorded:
    """A trunk that replays the recording of the smallest sufficient size.

    The next call overwrites the results.
    """

    trunk: Callable[[Tensor, Tensor, Condition], Trunk]
    record: Recorder
    recordings: dict[int, _Recording] = field(default_factory=dict)

    def __call__(self, tokens: Tensor, time: Tensor, condition: Condition) -> Trunk:
        """The results of the trunk for a batch, as views of the results of a recording."""
        batch = len(tokens)
        size = bucket(batch)
        if size not in self.recordings:
            self.recordings[size] = self._make(size, tokens, condition)
        recording = self.recordings[size]
        # Rows beyond the batch keep older input, which is valid. Their results are not used.
        recording.tokens[:batch].copy_(tokens)
        recording.time[:batch].copy_(time)
        apply(lambda kept, given: kept[:batch].copy_(given), recording.condition, condition)
        recording.replay()
        return Trunk(*(x[:batch] for x in recording.results))

    @torch.inference_mode(False)  # later calls must write to its tensors
    @torch.no_grad()
    def _make(self, size: int, like: Tensor, like_condition: Condition) -> _Recording:
        tokens = like.new_zeros((size, *like.shape[1:]))
        time = like.new_ones(size, dtype=torch.float64)
        condition = apply(lambda part: part.new_zeros(size), like_condition)
        replay, results = self.record(lambda: self.trunk(tokens, time, condition))
        return _Recording(tokens, time, condition, replay, results)


def recorder(device: torch.device) -> Recorder:
    """A recorder of CUDA graphs on `device`. They share one memory pool, because only one runs at a time."""
    pool = torch.cuda.graph_pool_handle()

    def record(work: Callable[[], Trunk]) -> tuple[Callable[[], Any], Trunk]:
        with torch.cuda.device(device):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(_WARM_UP):
                    work()
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=pool):
                results = work()
        return graph.replay, results

    return record
