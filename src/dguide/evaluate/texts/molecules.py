"""Figures of generated molecules: validity, novelty, requested properties, diversity and distance."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ...data import Above, Dataset, Strings, Value
from ...data.sets.molecules import PROPERTIES
from ...errors import bad
from ..mixture import Mixture, requested_classes
from ..points.distances import frechet_distance
from ..statistics.estimate import Estimate, Rows, Statistic, estimate
from ..statistics.halves import of_members
from ..statistics.intervals import distinct_share, jackknife, quantile, share
from ..statistics.means import mean
from .chemistry import DESCRIPTORS, Molecules, Training, similarities, training

__all__ = ["molecule_estimates"]

QUANTILES = (10, 50, 90)


def molecule_estimates(
    dataset: Dataset,
    tokens: Tensor,
    condition: Mapping[str, Tensor],
    *,
    repetitions: int = 200,
    seed: int = 0,
) -> tuple[Estimate, ...]:
    r"""Figures of generated molecules. Computes the same figures for equally many held-out molecules.

    A sequence is *valid* if it consists of begin, words, end and then only padding, there is at least one word, and
    RDKit parses and sanitises the words. *Uniqueness* is the share of different molecules among the valid ones,
    *novelty* the share of these that are not in the training split. Molecules are equal if RDKit's canonical SMILES
    strings are equal. *Properties* are for novel molecules. *As asked* is the share of samples with the property,
    measured by RDKit, on the requested side of the threshold. *Internal diversity* is one minus the mean Tanimoto
    similarity of two valid samples. The *Fréchet distance* is between standardised `DESCRIPTORS` of samples and of the
    training split.

    Uniqueness and Fréchet distance depend on the number of molecules. So they use as many samples as there are held-out
    molecules of the requested classes, if that is fewer, and the valid ones among them; `Estimate.count` is this
    number. Classes with too few held-out molecules are omitted there (`Mixture.kept`); the notes name them.

    Sources: Polykovskiy et al., "Molecular Sets" (arXiv 1811.12823) for validity, uniqueness, novelty and internal
    diversity (there with pairs of a molecule and itself); Schiff et al. (arXiv 2412.10193, section 5.1) for properties
    of novel molecules; Preuer et al. (arXiv 1803.09518) for a Fréchet distance of molecules, with the features of a
    network.

    Args:
        dataset: SMILES strings; its codec is `Strings` with the split "smiles".
        tokens: Generated sequences, [N, L] int64.
        condition: The requested values, [N] by name of condition; other conditions were not given.
        repetitions: Number of halves for the intervals; 0 for intervals of shares and quantiles only.
        seed: Seed of the halves, and of the choice of held-out molecules.

    Raises:
        ValueError: If the data are not SMILES strings, or tokens or condition do not fit them.
        dguide.errors.MissingExtra: If RDKit is not installed.
    """
    codec = dataset.codec
    if not isinstance(codec, Strings) or codec.split != "smiles":
        raise bad("data set of molecules", dataset.name, "SMILES strings: a codec Strings with the split 'smiles'")
    codec.check(tokens)
    classes = requested_classes(dataset, condition, len(tokens))
    count = len(tokens)
    mixture = Mixture.of(dataset, classes, count).kept(count, dataset.test)
    counts = mixture.counts(count, dataset.test, drawn=True)
    split, _ = mixture.take(dataset.test, counts, seed)
    rows = mixture.own(counts, seed)
    drawn, real = Molecules.of(codec, tokens), Molecules.of(codec, split.tokens)
    equal, own = drawn, np.flatnonzero(drawn.valid)
    if 0 < len(rows) < count:
        some = Molecules.of(codec, tokens[torch.from_numpy(rows)])
        equal, own = some.first(len(real.molecules)), rows[some.valid][: len(real.molecules)]
    twin, known = real.first(len(equal.molecules)), training(dataset, codec)
    real_condition = {c.name: c.of(split.labels, split.properties) for c in dataset.conditions if c.name in condition}
    best = {
        each.name: each
        for each in (
            *_valid(real),
            *_as_requested(dataset, real, real_condition, repetitions, seed),
            *_shape(real, twin, np.flatnonzero(real.valid)[: len(twin.molecules)], known, repetitions, seed),
        )
    }
    estimates = (
        *_valid(drawn),
        *_as_requested(dataset, drawn, condition, repetitions, seed),
        *_shape(drawn, equal, own, known, repetitions, seed),
    )
    notes = (mixture.note, "" if len(split) == count else f"held-out data: {len(split)}")
    framed = bool((drawn.parsed == drawn.valid).all())
    return tuple(
        (each.beside(best[each.name]) if each.name in best else each).noted(*notes)
        for each in estimates
        if not (framed and each.name == "parsed")
    )


def _valid(molecules: Molecules) -> list[Estimate]:
    """Validity, and the share that RDKit parses. The latter ignores wrong places of begin, end and padding."""
    note = "RDKit parses what is between begin and end"
    return [
        share("valid", molecules.valid, better="higher"),
        share("parsed", molecules.parsed, better="higher", note=note),
    ]


def _shape(
    molecules: Molecules, equal: Molecules, own: Rows, known: Training, repetitions: int, seed: int
) -> list[Estimate]:
    """Figures of the set of valid molecules: of `equal` if they depend on the number, otherwise of `molecules`.

    `own` are the rows of `equal` among all samples.
    """
    every = np.flatnonzero(molecules.valid)
    different, first = np.unique(molecules.canonical, return_index=True)
    novel = known.novel(different)
    points, reference = known.points(equal), known.descriptors
    sums = similarities(molecules.fingerprints)
    count = len(sums)
    total = sums.sum()
    diversity = 1 - total / (count * (count - 1)) if count > 1 else math.nan
    left_out = 1 - (total - 2 * sums) / ((count - 1) * (count - 2)) if count > 2 else np.full(count, math.nan)

    def varied(rows: Rows) -> float:
        some = similarities(molecules.fingerprints[rows])
        return 1 - float(some.mean()) / (len(some) - 1) if len(some) > 1 else math.nan

    def distance(rows: Rows) -> float:
        return frechet_distance(reference, points[rows]) if min(len(reference), len(rows)) > 1 else math.nan

    return [
        distinct_share(
            "unique of valid", equal.canonical, better="higher", members=own, repetitions=repetitions, seed=seed
        ),
        share("novel of unique", novel, better="higher", note="not in the training split", members=every[first]),
        *_properties(molecules, np.sort(first[novel]), repetitions, seed),
        _figure("Fréchet distance", distance, own, 2, repetitions, seed, "lower", _FEATURES, (0, math.inf)),
        jackknife(
            "internal diversity",
            diversity,
            left_out,
            note="Morgan fingerprints, radius 2",
            bounds=(0, 1),
            statistic=of_members(varied, every),
        ),
    ]


_FEATURES = f"{len(DESCRIPTORS)} standardised RDKit descriptors"


def _properties(molecules: Molecules, novel: Rows, repetitions: int, seed: int) -> list[Estimate]:
    """Mean and quantiles of each property of the novel molecules."""
    figures, own = [], np.flatnonzero(molecules.valid)[novel]
    for name, values in molecules.properties.items():
        some, note = values[novel], "novel molecules"
        figures.append(mean(f"{name}, mean", some, note=note, members=own))
        figures += [
            quantile(f"{name}, {percent} % quantile", some, percent, note=note, members=own) for percent in QUANTILES
        ]
    return figures


def _as_requested(
    dataset: Dataset, molecules: Molecules, condition: Mapping[str, Tensor], repetitions: int, seed: int
) -> list[Estimate]:
    """Agreement of requested and measured properties."""
    figures = []
    for attribute in dataset.conditions:
        if attribute.name not in PROPERTIES or attribute.name not in condition:
            continue
        name, wanted = attribute.name, condition[attribute.name].cpu().double().numpy()
        measured = np.full(len(molecules.valid), math.nan)
        measured[molecules.valid] = molecules.properties[name]
        if isinstance(attribute, Above):
            given = wanted < attribute.n_classes
            hits = molecules.valid & ((measured > attribute.threshold) == wanted)
            natural = (dataset.train.properties[name] > attribute.threshold).double().mean().item()
            if not given.any():
                continue
            chance = f"of training data {np.where(wanted[given] == 1, natural, 1 - natural).mean():.3f}"
            figures += [
                share(title, hits[some], better="higher", note=chance, members=np.flatnonzero(some))
                for title, some in (
                    (f"{name} as asked", given),
                    (f"{name} as asked, of valid", given & molecules.valid),
                )
            ]
        elif isinstance(attribute, Value):
            off = np.abs(measured - (wanted * attribute.scale + attribute.center))
            own = np.flatnonzero(np.isfinite(off))
            note = "mean, of valid"
            figures.append(
                mean(f"{name}, error", off[own], better="lower", note=note, bounds=(0, math.inf), members=own)
            )
    return figures


def _figure(
    name: str,
    statistic: Statistic,
    own: Rows,
    least: int,
    repetitions: int,
    seed: int,
    better: str,
    note: str,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """The figure with its interval, or nan for fewer than `least` samples; `own` are their rows among all samples."""
    if len(own) < least:
        return Estimate(name, math.nan, math.nan, math.nan, len(own), math.nan, better, note)
    return estimate(
        name,
        statistic,
        len(own),
        better=better,
        note=note,
        bounds=bounds,
        members=own,
        repetitions=repetitions,
        seed=seed,
    )
