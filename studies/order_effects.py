"""The effects of order, pace and errors of the predictions on handwritten digits, one at a time, for w = 3, constant.

The denoisers are the trained model of the digits, and the training images blurred token by token, which have known
exact predictions at the same 64 positions. Errors are then added to the exact predictions: shared by the conditional
and the reference prediction, or independent. The measure is the Fréchet distance to real images in pixel space.
It prints the rows of docs/when-it-matters.md.
"""

from __future__ import annotations

import math
import time
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

import dguide
from dguide import Ancestral, FirstHitting, Normalized, Unlocking, checkpoint, data
from dguide.demo import Judge
from dguide.samplers import Denoiser, Sampler
from studies.common import parser
from studies.decoupled import Decoupled
from studies.kernel import Kernel, bell

MODEL = Path(__file__).parents[1] / "checkpoints" / "digits-masked"
WEIGHT, LENGTH, VOCAB, CLASSES = 3.0, 64, 16, 10


class Erring:
    """A denoiser with errors of the logits that are a smooth random function of the tokens (random Fourier features).

    The errors have a standard deviation of about `scale`. Each label has its own function, or all share one.
    """

    time_dependent = False

    def __init__(self, exact: Kernel, scale: float, shared: bool, features: int = 128, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        self.exact, self.scale, self.shared, self.null = exact, scale, shared, exact.null
        self.frequency = 0.3 * normal(LENGTH * (VOCAB + 1), features)
        self.phase = 2 * math.pi * torch.rand(features, generator=generator, dtype=torch.float64)
        self.own = normal(CLASSES + 1, features, LENGTH * VOCAB) * math.sqrt(2 / features)
        self.common = normal(features, LENGTH * VOCAB) * math.sqrt(2 / features)

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        shown = torch.nn.functional.one_hot(tokens, VOCAB + 1).double().flatten(1)
        wave = torch.cos(shown @ self.frequency + self.phase)
        error = wave @ self.common
        if not self.shared:
            for label in condition.unique():
                error[condition == label] = wave[condition == label] @ self.own[label]
        return self.exact(tokens, time, condition) + self.scale * error.view(*tokens.shape, VOCAB)


def settings(steps: list[int]) -> dict[str, Sampler]:
    """Samplers by name: every pace with every order."""
    mechanisms = {"Normalized": Normalized, "Unlocking": Unlocking}
    return {
        f"T = {t}, pace of {pace}, order of {order}": Decoupled(t, mechanisms[pace], mechanisms[order])
        for t, pace, order in product(steps, mechanisms, mechanisms)
    }


def main() -> None:
    command = parser(__doc__, "nothing", "most of an hour of one core for all rows with 500 samples each")
    command.add_argument("--per-class", type=int, default=50, help="samples of each class (default: 50)")
    command.add_argument("--only", choices=("model", "exact", "shared", "independent"), help="one denoiser")
    command.add_argument("--steps", type=int, nargs="*", default=[32], help="T (default: 32)")
    command.add_argument("--scale", type=float, default=0.5, help="of the errors, in nats")
    command.add_argument("--seed", type=int, default=0, help="of the samples")
    args = command.parse_args()
    torch.set_num_threads(1)
    trained = checkpoint.load(MODEL)
    digits = data.load(trained.config.data)
    exact = Kernel(digits.train, bell(VOCAB, 1.0, 0.01), CLASSES)
    denoisers: dict[str, Denoiser] = {
        "model": trained.model,
        "exact": exact,
        "shared": Erring(exact, args.scale, shared=True),
        "independent": Erring(exact, args.scale, shared=False),
    }
    judge = Judge.fit(digits)
    labels = torch.arange(CLASSES).repeat_interleave(args.per_class)

    def row(name: str, denoiser: Denoiser, guidance: dguide.Normalized | dguide.Unlocking, sampler: Sampler) -> None:
        began = time.perf_counter()
        drawn = dguide.sample(
            denoiser,
            process=trained.process,
            length=LENGTH,
            condition=labels,
            guidance=guidance,
            sampler=sampler,
            seed=args.seed,
            batch_size=250,
        )
        quality = judge(drawn.tokens, labels)
        print(
            f"{name:60s} Frechet {quality.frechet:.3f} precision {quality.precision:.3f} recall {quality.recall:.3f}"
            f" calls {drawn.calls.conditional} ({time.perf_counter() - began:.0f} s)",
            flush=True,
        )

    for name, denoiser in denoisers.items():
        if args.only in (None, name):
            row(f"{name}, no guidance", denoiser, Normalized(0.0), Ancestral(32))
            for mechanism in (Normalized(WEIGHT), Unlocking(WEIGHT)):
                kind = type(mechanism).__name__
                row(f"{name}, one at a time, {kind}", denoiser, mechanism, FirstHitting())
                for t in args.steps:
                    row(f"{name}, T = {t}, {kind}", denoiser, mechanism, Ancestral(t))
            for setting, sampler in settings(args.steps).items():
                row(f"{name}, {setting}", denoiser, Normalized(WEIGHT), sampler)


if __name__ == "__main__":
    main()
