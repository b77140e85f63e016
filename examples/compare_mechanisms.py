"""Compare guidance mechanisms and schedules on one model, and plot the result.

The script samples 50 digits from the shipped model `checkpoints/digits-masked` for each of three mechanisms and two
schedules of the weight w: a constant, and a ramp that rises from 0 at the noise (noise level m = 1). Both have mean 3,
and all runs share one seed. It prints the accuracy (the share of samples in which a classifier sees the requested
digit, with a 95 % confidence interval) and nearest-neighbour precision and recall, which are noisy for so few samples.
It writes a picture with one row of digits for each setting, to the path given as the first argument or to a temporary
folder, and prints the path.
"""

import sys
import tempfile
from pathlib import Path

import matplotlib
import torch

import dguide
from dguide import checkpoint
from dguide.data import load
from dguide.evaluate import Classifier, precision_recall

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).parents[1]
trained = checkpoint.load(ROOT / "checkpoints" / "digits-masked")
digits = load("digits")
judge, real = Classifier.fit(digits), digits.features(digits.train.some(500).tokens)

labels = torch.arange(10).repeat(5)
settings = {"none": dguide.Normalized(weight=0.0)}
for mechanism in (dguide.Normalized, dguide.Unlocking, dguide.Simple):
    for schedule in (dguide.Constant(3.0), dguide.RampUp(1.0).scaled_to(3.0)):  # the same mean over noise levels
        settings[f"{mechanism.__name__} {type(schedule).__name__}"] = mechanism(weight=schedule)

figure, axes = plt.subplots(len(settings), 1, figsize=(6, 0.65 * len(settings)), layout="constrained")
for axis, (name, guidance) in zip(axes, settings.items(), strict=True):
    samples = dguide.sample(
        trained.model,
        process=trained.process,
        length=64,
        condition=labels,
        guidance=guidance,
        sampler=dguide.Ancestral(steps=8),
    )
    near = precision_recall(real, digits.features(samples.tokens))
    accuracy = judge.accuracy(samples.tokens, labels)
    print(f"{name:<20} accuracy {accuracy}, precision {near.precision:.2f}, recall {near.recall:.2f}")
    axis.imshow(torch.cat(tuple(trained.codec.picture(samples.tokens[:10])), 1), cmap="gray")
    axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    axis.set(xticks=[], yticks=[])

path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "compare_mechanisms.png"
figure.savefig(path, dpi=120)
print(f"picture: {path}")
