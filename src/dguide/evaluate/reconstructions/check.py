"""Checks a tokenizer of images on real test pictures: what it loses, and whether classifiers still see the classes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data import Pictures, Source
from ...data.codecs.images import Bytes
from ...errors import bad
from ...progress import counted
from ...tokenizers import Tokenizer
from ...tokenizers.base import BATCH
from ..points.base import Points
from ..points.distances import frechet_distance
from ..reading.detection import Detection
from ..statistics.estimate import Estimate, Rows, estimate
from ..statistics.intervals import share
from ..statistics.proportion import paired_shares
from .advice import TOLERATED, Seen
from .features import described, local
from .fidelity import WINDOW, Fidelity, decibels, fidelity, perplexity
from .judges import SEEN, Judge, judges
from .origin import note
from .report import Judged, Report, Worst

__all__ = ["check", "matched"]

WORST = 8
"""Number of pictures that are shown for each kind of error."""
_VALUES = 2**20
"""Values of the pictures whose figures are computed at once. It limits the memory, some hundred bytes for each."""
_WORDS = {1: "grey", 3: "red, green and blue"}


def matched(tokenizer: Tokenizer, source: Source) -> None:
    """Checks that there are test pictures, of the size and the channels of the tokenizer.

    Raises:
        ValueError: If it is not so.
    """
    got, wanted = (f"{x.height} x {x.width} pixels, {_WORDS[x.channels]}" for x in (source, tokenizer))
    if got != wanted:
        remedy = f"Load them with size={tokenizer.height}." if source.channels == tokenizer.channels else ""
        raise bad(f"pictures of {source.name}", got, f"{wanted}, of this tokenizer", remedy)
    if not len(source.test):
        raise bad(f"test pictures of {source.name}", 0, "at least one")


def check(
    tokenizer: Tokenizer,
    source: Source,
    *,
    limit: int | None = None,
    repetitions: int = 200,
    seed: int = 0,
    seen: int = SEEN,
    device: str | torch.device = "cpu",
) -> Report:
    """Encodes and decodes the test pictures of a data set, and compares them with the originals.

    With two classes or more, standard classifiers learn the real training pictures. Their answers for real and for
    reconstructed test pictures tell whether the classes survive. For each class one of them counts: of those that tell
    it on real pictures nearly as well as the best, the one that tells it best on reconstructions. So a class is lost
    only if no good classifier sees it any more. The validation part chooses; without one, the test part does. The
    verdict also says what the other classifiers no longer see: a class survives only if none of their areas falls.

    Args:
        tokenizer: The tokenizer.
        source: The pictures.
        limit: The most test pictures, chosen at random, and as many validation pictures; None for all.
        repetitions: Number of halves for intervals of means and of the distance.
        seed: Seed of all random choices.
        seen: Number of training pictures that the small network sees, with repetitions.
        device: Device of the small network.

    Raises:
        ValueError: As in `matched`.
    """
    matched(tokenizer, source)
    rows = _some(len(source.test), limit, seed)
    test, labels = source.test.take(rows), source.labels[2][rows]
    tokens, drawn, found = _reconstructed(tokenizer, test)
    options: dict[str, Any] = {"repetitions": repetitions, "seed": seed}
    figures = list(_figures(found, options))
    used = len(tokens.unique())
    figures.append(_plain("codes used", used, len(test), f"of {tokenizer.codes:,}; {tokens.numel():,} tokens"))
    figures.append(_plain("codes in effect", perplexity(tokens), len(test), "perplexity of the shares of the codes"))
    figures += _distances(source.train, test, drawn, options)
    judged: list[Judged] = []
    classes: list[Seen] = []
    if len(source.class_names) > 1 and len(source.train):
        known = judges(source.train, source.labels[0], len(source.class_names), seen=seen, seed=seed, device=device)
        told = _Told.of(known, test, drawn, labels)
        judged = [Judged(name, *_accuracies(*pair, labels)) for name, pair in told.answers.items()]
        some = _some(len(source.validation), limit, seed)
        choice = told
        if len(some):
            part = source.validation.take(some)
            choice = _Told.of(known, part, _reconstructed(tokenizer, part)[1], source.labels[1][some])
        classes = list(_classes(told, choice, source.class_names, found))
    worst = tuple(
        _worst(kind, errors, test, drawn, rows, labels, found)
        for kind, errors in (("mean error", found.error), ("local error", found.local))
    )
    names = source.class_names if len(source.class_names) > 1 else ()
    factor = tokenizer.height // tokenizer.grid[0]
    sizes = factor, tokenizer.codes, tokens.numel()
    return Report(tuple(figures), tuple(judged), tuple(classes), worst, names, *sizes, note(tokenizer, source, test))


def _reconstructed(tokenizer: Tokenizer, pictures: Pictures) -> tuple[Tensor, Pictures, Fidelity]:
    """The tokens [N, L] of pictures, what these stand for, in a file without a name, and how near that is."""
    tokens, found = list[Tensor](), list[Fidelity]()
    few = max(1, _VALUES // (pictures.height * pictures.width * pictures.channels))

    def drawn() -> Iterator[Bytes]:
        chunks = pictures.slices(BATCH)
        for rows in counted(chunks, len(chunks), "reconstructions"):
            real = pictures.batch(rows)
            tokens.append(tokenizer.encode(real))
            made = tokenizer.decode(tokens[-1])
            found.extend(map(fidelity, real.split(few), made.split(few)))
            yield made.numpy()

    made = Pictures.filed(drawn(), (pictures.height, pictures.width, pictures.channels))
    return torch.cat(tokens), made, Fidelity.joined(found)


def _figures(found: Fidelity, options: dict[str, Any]) -> Iterator[Estimate]:
    def mean(name: str, values: NDArray[np.float64], better: str, note: str) -> Estimate:
        bounds = (0.0, math.inf) if better == "lower" else (-math.inf, math.inf)
        kept: dict[str, Any] = {"better": better, "note": note, "bounds": bounds}
        return estimate(name, lambda rows: float(values[rows].mean()), len(values), **kept, **options)

    def pooled(rows: Rows) -> float:
        return float(decibels(float(found.square[rows].mean())))

    yield estimate("PSNR", pooled, len(found.square), better="higher", note="dB, over all pixels", **options)
    yield mean("PSNR of pictures", found.noise, "higher", "dB, mean over pictures")
    yield mean("SSIM", found.similarity, "higher", "mean over pictures")
    yield mean("mean error", found.error, "lower", "values from 0 to 1")
    yield mean("local error", found.local, "lower", f"root mean square in the worst {WINDOW} x {WINDOW} pixels")


def _plain(name: str, value: float, count: int, note: str) -> Estimate:
    return Estimate(name, value, math.nan, math.nan, count, note=note)


def _distances(train: Pictures, test: Pictures, drawn: Pictures, options: dict[str, Any]) -> Iterator[Estimate]:
    """Fréchet distance of reconstructions to real test pictures, and that of equally many real training pictures.

    The features are not learnt. Those of a network that learnt the training pictures fit these better than others, so
    the distance of training pictures would be too large, and reconstructions would look too good beside it.
    """
    real, made = described(test, local), described(drawn, local)
    some = np.random.default_rng(options["seed"]).permutation(len(train))[: len(test)]
    others = described(train.take(torch.from_numpy(np.sort(some))), local) if len(some) else real[:0]
    scale = (others if len(others) > 1 else real).std(0)
    scale[scale < 1e-9] = 1.0
    note = "means and contrasts in 4 x 4 boxes; each varies by 1 in training"
    for name, points, words in (
        ("Fréchet distance", made, note),
        ("Fréchet distance of training pictures", others, "for comparison: real pictures that are not the test ones"),
    ):
        count = min(len(points), len(real))
        if count > 1:
            yield _distance(name, real[:count] / scale, points[:count] / scale, words, options)


def _distance(name: str, real: Points, other: Points, note: str, options: dict[str, Any]) -> Estimate:
    def distance(rows: Rows) -> float:
        return frechet_distance(real[rows], other[rows]) if len(rows) > 1 else math.nan

    return estimate(name, distance, len(real), better="lower", note=note, bounds=(0.0, math.inf), **options)


def _accuracies(real: Tensor, drawn: Tensor, labels: Tensor) -> tuple[Estimate, Estimate, Estimate]:
    one, two = ((each.argmax(1) == labels).numpy() for each in (real, drawn))
    apart = float(two.mean() - one.mean())
    return (
        share("accuracy", one, better="higher"),
        share("accuracy", two, better="higher"),
        Estimate("difference in accuracy", apart, *paired_shares(two, one), len(labels)),
    )


@dataclass(frozen=True, eq=False)
class _Told:
    """What classifiers answer for pictures and for their reconstructions, [N, K] each by name, and the true classes."""

    answers: dict[str, tuple[Tensor, Tensor]]
    labels: Tensor

    @classmethod
    def of(cls, known: Sequence[Judge], real: Pictures, drawn: Pictures, labels: Tensor) -> _Told:
        return cls({judge.name: (judge.predict(real), judge.predict(drawn)) for judge in known}, labels)

    def has(self, label: int) -> bool:
        """Whether some pictures are of the class, and others not."""
        return 0 < int((self.labels == label).sum()) < len(self.labels)

    def detections(self, label: int) -> dict[str, tuple[Detection, Detection]]:
        """The log-odds of the class as scores, of real and of reconstructed pictures, by the name of the classifier."""
        own = self.labels == label

        def of(answers: Tensor) -> Detection:
            others = torch.arange(answers.shape[1]) != label
            return Detection.of(answers[:, label] - answers[:, others].logsumexp(1), own)

        return {name: (of(real), of(drawn)) for name, (real, drawn) in self.answers.items()}

    def best(self, label: int) -> str:
        """The classifier that counts for the class."""
        areas = {name: [each.area().value for each in pair] for name, pair in self.detections(label).items()}
        least = max(real for real, _ in areas.values()) - TOLERATED
        return max((name for name, (real, _) in areas.items() if real >= least), key=lambda name: areas[name][1])


def _classes(told: _Told, choice: _Told, names: Sequence[str], found: Fidelity) -> Iterator[Seen]:
    """What each classifier sees of each class that some test pictures have and others have not."""
    for label, name in enumerate(names):
        if not told.has(label):
            continue
        best = (choice if choice.has(label) else told).best(label)
        own = (told.labels == label).numpy()
        errors = (float(found.error[own].mean()), float(found.local[own].mean()))
        for judge, (real, drawn) in told.detections(label).items():
            areas = real.area(), drawn.area(), drawn.difference(real)
            yield Seen(name, judge, judge == best, int(own.sum()), *areas, *errors)


def _some(count: int, limit: int | None, seed: int) -> Tensor:
    """The numbers of at most `limit` of `count` pictures, in their order."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:limit].sort().values


def _worst(
    kind: str,
    errors: NDArray[np.float64],
    test: Pictures,
    drawn: Pictures,
    rows: Tensor,
    labels: Tensor,
    found: Fidelity,
) -> Worst:
    chosen = torch.from_numpy(np.argsort(-errors, kind="stable")[:WORST].copy())
    some = chosen.numpy()
    real, made = (each.batch(chosen) for each in (test, drawn))
    told = tuple(errors[some].tolist()), tuple(labels[chosen].tolist())
    return Worst(kind, tuple(rows[chosen].tolist()), *told, found.place[some], real, made)
