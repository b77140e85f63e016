"""What every test session shares: one thread, and property-based tests that always try the same examples."""

from __future__ import annotations

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
