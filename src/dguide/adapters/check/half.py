"""How far does half precision change the answer, and does it overflow?"""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import InputError
from .answer import HALF, dtypes
from .probe import Probe
from .record import Line

__all__ = ["half"]

_LARGEST = 65504.0
"""The largest number of float16."""


def half(probe: Probe) -> Line:
    """The answer under autocast to half precision, beside that of the model as it is."""
    kinds = dtypes(probe.denoiser)
    expected = "finite logits"
    if not kinds:
        return Line(HALF, "does not apply", "the denoiser holds no network of PyTorch")
    if torch.float16 in kinds:
        largest = float(probe.logits.where(probe.logits.isfinite(), 0.0).abs().max())
        seen = f"the model is in float16; its largest logit is {largest:.3g} of {_LARGEST:g} that float16 holds"
        return Line(HALF, "right", seen, expected)
    if torch.bfloat16 in kinds:
        return Line(HALF, "right", "the model is in bfloat16, and its logits are finite", expected)
    under = "; ".join(_in_words(probe, name, dtype) for name, dtype in _DTYPES.items())
    return Line(HALF, "right", f"the model is in float32; under autocast {under}", expected)


_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def _in_words(probe: Probe, name: str, dtype: torch.dtype) -> str:
    """How far the laws of a precision are from the first answer."""
    try:
        with torch.autocast(probe.noisy.device.type, dtype):
            logits: Tensor = probe.ask(probe.noisy, probe.time, probe.condition)
    except InputError:
        return f"{name} overflows: do not use it"
    except RuntimeError as error:
        return f"{name} fails ({str(error).splitlines()[0][:60]})"
    law, own = probe.law(logits)[probe.where].exp(), probe.law()[probe.where].exp()
    apart = (law - own).abs().sum(-1) / 2
    return f"{name} changes a law by {float(apart.mean()):.2g} in total variation, at most {float(apart.max()):.2g}"
