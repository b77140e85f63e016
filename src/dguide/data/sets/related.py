"""Data sets of strings of which some are nearly the same: copies are left out, and relatives are in one part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..base import Dataset, Skipped
from ..codecs.strings import Strings
from ..families import families, family_positions
from ..files.assemble import assemble
from ..holdout import TRAIN, by_content

__all__ = ["Entry", "related"]

_LARGEST = 20
"""Most members of a family that may be held out. One of a hundred would be a large share of the test part."""


@dataclass(frozen=True)
class Entry:
    """A string with the name of its class, and its place in the source."""

    text: str
    kind: str
    place: str


def related(
    name: str,
    entries: Sequence[Entry],
    *,
    what: str,
    run: int,
    share: float,
    skipped: Sequence[Skipped] = (),
    wins: str = "",
) -> Dataset:
    """Builds a data set of strings, each once, with whole families in a part; families of more than 20 are to train on.

    Args:
        name: Its name for `dguide.data.load`.
        entries: Strings with their classes.
        what: Name of the condition for the classes.
        run: Number of characters of a run, as of `families`.
        share: Share of the runs that relatives have in common.
        skipped: Entries that were already omitted.
        wins: The class of a string that is of this class and of another. Without one, such strings are left out.
    """
    kept, gone = _once(entries, wins)
    texts, kinds = [each.text for each in kept], [each.kind for each in kept]
    codec = Strings.of(texts)
    labels = torch.tensor([sorted(set(kinds)).index(kind) for kind in kinds])
    family = families(texts, run, share)
    size = Counter(family)
    part = by_content(labels, family_positions(texts, family))
    part[torch.tensor([size[number] > _LARGEST for number in family])] = TRAIN
    return assemble(
        name,
        torch.tensor([codec.encode(text) for text in texts]),
        codec,
        classes=kinds,
        what=what,
        skipped=[*skipped, *gone],
        part=part,
        places=[each.place for each in kept],
    )


def _once(entries: Sequence[Entry], wins: str) -> tuple[list[Entry], list[Skipped]]:
    """The entries to keep, and those that are left out with the reasons."""
    kinds: dict[str, set[str]] = {}
    for each in entries:
        kinds.setdefault(each.text, set()).add(each.kind)
    kept: dict[str, Entry] = {}
    gone = []
    for each in entries:
        others = kinds[each.text] - {each.kind}
        if others and each.kind != wins:
            gone.append(Skipped(each.place, f"also in the class {', '.join(sorted(others))}"))
        elif each.text in kept:
            gone.append(Skipped(each.place, "a copy"))
        else:
            kept[each.text] = each
    return list(kept.values()), gone
