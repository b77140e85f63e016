"""Measure how strongly guidance acts on your model at each noise level.

`dguide.Diagnostics` is a callback. It reads the predictions that the sampler requests in any case, and calls no
network itself. The script samples 60 digits from the shipped model `checkpoints/digits-masked` with `Unlocking` at
weight w = 2. For each of ten ranges of the noise level m (1 is noise, 0 is data) it prints the number of positions
measured, the mean and the 90 % quantile of log Z_w, the Renyi divergence between the conditional and the unconditional
prediction, and the share of positions that are still masked. Z_w is the partition function: `Unlocking` unmasks a
position Z_w times as fast as the unguided process. Without guidance, the expected share that is masked is the noise
level itself.
"""

from pathlib import Path

import torch

import dguide
from dguide import checkpoint

ROOT = Path(__file__).parents[1]
trained = checkpoint.load(ROOT / "checkpoints" / "digits-masked")

diagnostics = dguide.Diagnostics(bins=10, quantiles=(0.5, 0.9))
dguide.sample(
    trained.model,
    process=trained.process,
    length=64,
    condition=torch.arange(10).repeat(6),
    guidance=dguide.Unlocking(weight=2.0),
    sampler=dguide.Ancestral(steps=20),
    callback=diagnostics,
)

table = diagnostics.table()
print("noise level    positions   mean log Z_w   90 % quantile   Renyi divergence   still masked at its lower end")
for n in reversed(range(10)):
    print(
        f"{table.edges[n]:.1f} to {table.edges[n + 1]:.1f}     {int(table.count[n]):9}   {table.log_z[n]:12.4f}"
        f"   {table.log_z_quantiles[n, 1]:13.4f}   {table.renyi[n]:16.4f}   {table.masked_fraction[n]:.3f}"
    )
