"""Denoising networks, and speedups for sampling."""

from __future__ import annotations

from dguide.nn.compiled import Compiled
from dguide.nn.graphs import CudaGraphs
from dguide.nn.inference import DTYPES, Inference
from dguide.nn.transformer import DiffusionTransformer

__all__ = ["DTYPES", "Compiled", "CudaGraphs", "DiffusionTransformer", "Inference"]
