"""Figures of generated strings beside those of held-out strings of the same requested classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data import Strings
from ...errors import bad
from ..metric import Comparison
from ..mixture import Mixture, requested_classes
from ..statistics.estimate import Estimate, Rows

__all__ = ["Drawn", "beside", "codec_of"]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Strings with their requested classes, or real ones with their classes.

    Args:
        texts: The N strings.
        tokens: Their sequences, [N, L] int64.
        labels: Classes of the first condition, [N]; the number of classes means "not given".
        members: Their rows among all samples, [N].
    """

    texts: list[str]
    tokens: Tensor
    labels: NDArray[np.int64]
    members: Rows

    @classmethod
    def of(cls, codec: Strings, tokens: Tensor, labels: Tensor, members: Rows | None = None) -> Drawn:
        rows = np.arange(len(tokens)) if members is None else members
        return cls(codec.decode(tokens), tokens.cpu(), labels.cpu().numpy(), rows)

    def __len__(self) -> int:
        return len(self.texts)


Figures = Callable[[Drawn], Sequence[Estimate]]


def codec_of(comparison: Comparison) -> Strings:
    """The codec of the data. Raises `ValueError` if these are not strings of words of their own."""
    codec = comparison.dataset.codec
    if not isinstance(codec, Strings):
        raise bad("data set of strings", comparison.dataset.name, "strings: the codec Strings")
    return codec


def beside(comparison: Comparison, figures: Figures, of_equal: Figures = lambda drawn: ()) -> list[Estimate]:
    """Figures of the samples, each with the value for held-out strings as `best`.

    Args:
        comparison: Samples and real data.
        figures: Figures of all samples.
        of_equal: Figures that depend on the number of strings: of as many samples as there are held-out strings of the
            requested classes.
    """
    dataset, tokens, codec = comparison.dataset, comparison.tokens, codec_of(comparison)
    name, count = dataset.conditions[0].name, len(comparison.tokens)
    classes = requested_classes(dataset, {name: comparison.labels}, count)
    mixture = Mixture.of(dataset, classes, count).kept(count, dataset.test)
    counts = mixture.counts(count, dataset.test, drawn=True)
    split, groups = mixture.take(dataset.test, counts, comparison.seed)
    not_given = torch.from_numpy(mixture.not_given[groups].any(1))
    real = Drawn.of(codec, split.tokens, split.labels.masked_fill(not_given, dataset.n_classes))
    drawn = Drawn.of(codec, tokens, comparison.labels)
    own = mixture.own(counts, comparison.seed)
    equal = Drawn.of(codec, tokens[own], comparison.labels[own], own) if 0 < len(own) < count else drawn
    best = {each.name: each for each in (*figures(real), *of_equal(real))} if len(real) else {}
    notes = (mixture.note, "" if len(real) == count else f"held-out data: {len(real)}")
    return [
        (each.beside(best[each.name]) if each.name in best else each).noted(*notes)
        for each in (*figures(drawn), *of_equal(equal))
    ]
