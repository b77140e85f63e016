"""Give every sample of a batch its own guidance weight.

A weight can be a tensor [B], one number for each sample. The script draws 30 digits for each of five weights w in a
single call of the shipped model `checkpoints/digits-masked`. It prints, for each w, the share of samples in which a
classifier sees the requested digit, with a 95 % confidence interval, and how far apart samples of one digit are. It
then checks that a weight of its own gives the same samples as a constant weight.
"""

from pathlib import Path

import torch

import dguide
from dguide import checkpoint
from dguide.data import load
from dguide.evaluate import Classifier

ROOT = Path(__file__).parents[1]
trained = checkpoint.load(ROOT / "checkpoints" / "digits-masked")
judge = Classifier.fit(load("digits"))  # learns from real images only

weights = torch.tensor([-1.0, -0.5, 0.0, 1.0, 3.0])  # -1: the unconditional model; 0: no guidance
labels = torch.arange(10).repeat(3)  # 30 samples for each weight


def draw(weight, condition, first_index=0):
    """Tokens [B, 64] of samples number `first_index` and following."""
    return dguide.sample(
        trained.model,
        process=trained.process,
        length=64,
        condition=condition,
        guidance=dguide.Normalized(weight),
        sampler=dguide.Ancestral(steps=12),
        seed=1,
        first_index=first_index,
    ).tokens


tokens = draw(weights.repeat_interleave(len(labels)), labels.repeat(len(weights))).view(len(weights), -1, 64)
for w, each in zip(weights.tolist(), tokens, strict=True):
    pictures = trained.codec.picture(each).flatten(1).view(3, 10, 64).transpose(0, 1)  # [digit, sample, pixel]
    apart = torch.cdist(pictures, pictures).sum() / (10 * 3 * 2)  # mean over pairs of samples of one digit
    print(f"w = {w:4.1f}: accuracy {judge.accuracy(each, labels)}, mean distance within a digit {apart:.2f}")

alone = draw(1.0, labels, first_index=3 * len(labels))  # the fourth weight, with the sample numbers it had above
print(f"tokens that agree with a run of constant weight 1: {(alone == tokens[3]).double().mean():.4f}")
