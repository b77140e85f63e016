r"""Figures of generated peptides: charge, hydrophobicity and amphipathicity, which tell antimicrobial ones apart."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...data import Dataset, Strings
from ...errors import bad
from ..metric import Comparison, Metric
from ..points.distances import frechet_distance
from ..statistics.estimate import Estimate, Rows, estimate
from ..statistics.intervals import share
from ..statistics.means import mean
from .beside import Drawn, beside, codec_of
from .chemistry import well_formed

__all__ = ["DESCRIPTORS", "HYDROPHOBICITY", "Peptides", "descriptors"]

HYDROPHOBICITY = {
    **{"A": 0.62, "R": -2.53, "N": -0.78, "D": -0.90, "C": 0.29, "Q": -0.85, "E": -0.74, "G": 0.48, "H": -0.40},
    **{"I": 1.38, "L": 1.06, "K": -1.50, "M": 0.64, "F": 1.19, "P": 0.12, "S": -0.18, "T": -0.05, "W": 0.81},
    **{"Y": 0.26, "V": 1.08},
}
"""Hydrophobicity of each amino acid. Source: Eisenberg, "Three-dimensional structure of membrane and surface proteins",
Annual Review of Biochemistry 53, 1984 (the consensus scale, normalised)."""
CHARGE = {"K": 1, "R": 1, "D": -1, "E": -1}
"""Charges at neutral pH; the partial one of histidine, and those of the ends, are left out."""
DESCRIPTORS = ("amino acids", "net charge", "hydrophobicity", "hydrophobic moment")
"""Names of the columns of `descriptors`."""
_TURN = math.radians(100)
"""Angle between neighbours in an alpha helix."""
_LETTERS = frozenset(HYDROPHOBICITY)
_BASES = frozenset("ACGTN")


@dataclass(frozen=True)
class Peptides(Metric):
    """Descriptors of peptides, means over the valid samples, and their Fréchet distance to the training data.

    A sample is *valid* if it is begin, one or more amino acids, end and padding. The *Fréchet distance* is that of the
    four `DESCRIPTORS`, each divided by its standard deviation in the training data, to the training data of the
    requested classes. So it depends on the number of samples, and is for as many as there are held-out peptides.
    """

    def suits(self, dataset: Dataset) -> bool:
        if not isinstance(dataset.codec, Strings):
            return False
        letters = set(dataset.codec.words[3:])
        return letters <= _LETTERS and not letters <= _BASES

    def __call__(self, comparison: Comparison) -> Sequence[Estimate]:
        train = comparison.dataset.train
        asked = set(comparison.labels.tolist())
        told = np.isin(train.labels.numpy(), list(asked))
        rows = told if told.any() and comparison.dataset.n_classes not in asked else np.ones(len(train), dtype=np.bool_)
        texts = codec_of(comparison).decode(train.tokens)
        real = descriptors([text for text, kept in zip(texts, rows, strict=True) if kept])
        scale = np.maximum(real.std(0), 1e-9)

        def distance(drawn: Drawn) -> list[Estimate]:
            fine = _valid(drawn)
            points = descriptors([drawn.texts[row] for row in np.flatnonzero(fine)]) / scale

            def statistic(rows: Rows) -> float:
                return frechet_distance(real / scale, points[rows]) if min(len(real), len(rows)) > 1 else math.nan

            note, members = "of the descriptors, standardised", drawn.members[fine]
            figure = estimate(
                "Fréchet distance",
                statistic,
                len(points),
                better="lower",
                note=note,
                bounds=(0, math.inf),
                members=members,
                **comparison.options,
            )
            return [figure]

        return beside(comparison, _means, distance)


def _valid(drawn: Drawn) -> NDArray[np.bool_]:
    return well_formed(drawn.tokens) & np.array([bool(text) for text in drawn.texts], dtype=np.bool_)


def _means(drawn: Drawn) -> list[Estimate]:
    fine = _valid(drawn)
    rows = np.flatnonzero(fine)
    columns = descriptors([drawn.texts[row] for row in rows]).T
    found = [
        mean(name, values, note="mean over valid samples", members=rows)
        for name, values in zip(DESCRIPTORS, columns, strict=True)
    ]
    return [share("valid", fine, better="higher"), *found]


def descriptors(texts: Sequence[str]) -> NDArray[np.float64]:
    r"""Length, net charge, mean hydrophobicity and hydrophobic moment of peptides, [N, 4].

    With the hydrophobicity $h_k$ of amino acid k of n, the moment of an alpha helix is

    $$\frac1n \left| \sum_{k=1}^{n} h_k\, e^{i k \delta} \right|, \qquad \delta = 100^\circ.$$

    It is large if one side of the helix is hydrophobic and the other is not.

    Source: Eisenberg, Weiss and Terwilliger, "The helical hydrophobic moment", Nature 299, 1982.

    >>> descriptors(["KLAK"]).round(2).tolist()
    [[4.0, 2.0, -0.33, 1.0]]

    Args:
        texts: Sequences of one or more of the 20 amino acids, by their letters.

    Raises:
        ValueError: If a sequence is empty or has another letter.
    """
    rows = []
    for text in texts:
        if not text or not _LETTERS.issuperset(text):
            raise bad("peptide", repr(text[:60]), f"one or more of the letters {''.join(sorted(_LETTERS))}")
        scale = [HYDROPHOBICITY[letter] for letter in text]
        moment = abs(sum(h * cmath.exp(1j * _TURN * k) for k, h in enumerate(scale))) / len(text)
        rows.append((len(text), sum(CHARGE.get(letter, 0) for letter in text), sum(scale) / len(text), moment))
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(DESCRIPTORS))
