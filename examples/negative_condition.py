"""Choose what guidance pushes away from: no condition, a negative condition, or a weaker model.

By default the reference is the model without a condition. `reference=` replaces it: with labels, samples are pushed
away from these labels; with another denoiser, away from what that model predicts. The script asks the shipped model
`checkpoints/digits-masked` for the digit 9 and prints, for each reference, how many of 60 samples a classifier takes
for a 9, how many for a 3, and the mean distance between two samples.
"""

from pathlib import Path

import torch

import dguide
from dguide import checkpoint
from dguide.data import load
from dguide.evaluate import Classifier

ROOT = Path(__file__).parents[1]
trained = checkpoint.load(ROOT / "checkpoints" / "digits-masked")
judge = Classifier.fit(load("digits"))


class Weaker:
    """The same model with flatter predictions. A smaller network, or an earlier checkpoint, is used the same way."""

    time_dependent = False

    def __call__(self, tokens, time, labels):
        return trained.model(tokens, time, labels) / 2  # temperature 2


nines = torch.full((60,), 9)
references = {
    "no guidance": (0.0, None),
    "away from no condition": (1.0, None),
    "away from the digit 3": (1.0, torch.full_like(nines, 3)),
    "away from a weaker model": (1.0, Weaker()),
}
for name, (w, reference) in references.items():
    samples = dguide.sample(
        trained.model,
        process=trained.process,
        length=64,
        condition=nines,
        guidance=dguide.Normalized(weight=w),
        sampler=dguide.Ancestral(steps=12),
        reference=reference,
    )
    seen = judge.predict(samples.tokens)
    pictures = trained.codec.picture(samples.tokens).flatten(1)
    apart = torch.cdist(pictures, pictures).sum() / (60 * 59)
    print(
        f"{name:<25} seen as 9: {int((seen == 9).sum()):3}, as 3: {int((seen == 3).sum())}; mean distance {apart:.2f}"
    )
