"""Conditions of a model: the class of a sequence, whether a property is high, or the property itself."""

from __future__ import annotations

import math
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import bad
from ..extension import kebab
from ..spec import Registry

__all__ = ["CONDITIONS", "Above", "Attribute", "Category", "Label", "Value", "quantile"]

_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")


class Attribute(ABC):
    """One condition of a model."""

    name: str

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """The names of class 0, 1, ...; empty for a number."""

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 for a number."""
        return len(self.class_names)

    @property
    def not_given(self) -> Tensor:
        """The value that means "not given", [1]: the number of classes, or nan for a number."""
        return torch.tensor([self.n_classes or math.nan])

    def read(self, text: str) -> Tensor:
        """Reads values from text, separated by commas: classes by number or name, or `all` classes; or numbers.

        A name may contain commas; then the longest matching name counts. If the name of a class is a number, as for
        digits, a number in the text is this name and not the index of a class.

        Raises:
            ValueError: If a value does not belong to this condition.
        """
        names, size = self.class_names, self.n_classes
        if text.strip() == "all":
            return torch.arange(size)
        called = {_normal(name): label for label, name in reversed(list(enumerate(names)))}
        numbers = {float(name): label for name, label in called.items() if _NUMBER.fullmatch(name)}
        positions = {float(label): label for label in range(size)}
        meant = numbers or positions
        values: list[int] = []
        wrong: list[str] = []
        for part in _divide(text, called):
            number = float(part) if _NUMBER.fullmatch(part) else math.nan
            label = called.get(part, meant.get(number))
            if label is None:
                wrong.append(part)
            else:
                values.append(label)
        if wrong:
            shown = ", ".join(names[:20]) + (", ..." if size > 20 else "")
            expected = f"labels from 0 to {size - 1}, or names" if meant == positions else "names"
            raise bad(f"labels of {self.name}", wrong, expected, f"Names: {shown}. All of them: all.")
        return torch.tensor(values)

    @abstractmethod
    def of(self, labels: Tensor, properties: Mapping[str, Tensor]) -> Tensor:
        """The values for sequences with these labels [N] and properties [N]: classes int64, or numbers float32."""


@dataclass(frozen=True)
class Label(Attribute):
    """The class of a sequence.

    Args:
        names: The names of class 0, 1, ...
        name: The name of the condition.
    """

    names: tuple[str, ...]
    name: str = "label"

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(unicodedata.normalize("NFC", name) for name in self.names))

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.names

    def of(self, labels: Tensor, properties: Mapping[str, Tensor]) -> Tensor:
        return labels


@dataclass(frozen=True)
class Category(Attribute):
    """A further class of a sequence: a property that is its number, 0, 1, ...

    Args:
        names: The names of class 0, 1, ...
        name: The property, and the name of the condition.
    """

    names: tuple[str, ...]
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(unicodedata.normalize("NFC", name) for name in self.names))

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.names

    def of(self, labels: Tensor, properties: Mapping[str, Tensor]) -> Tensor:
        return properties[self.name].long()


@dataclass(frozen=True)
class Above(Attribute):
    """Whether a property is above a threshold (class 1), or at the threshold or below (class 0).

    Args:
        name: The property.
        threshold: The greatest value of class 0.
    """

    name: str
    threshold: float

    @property
    def class_names(self) -> tuple[str, ...]:
        return (f"{self.name} <= {self.threshold:.4g}", f"{self.name} > {self.threshold:.4g}")

    def of(self, labels: Tensor, properties: Mapping[str, Tensor]) -> Tensor:
        return (properties[self.name] > self.threshold).long()


@dataclass(frozen=True)
class Value(Attribute):
    """A property as the number `(value - center) / scale`; nan means "not given".

    Args:
        name: The property.
        center: The value that becomes 0, for example the mean of the training data.
        scale: The difference that becomes 1, for example their standard deviation.
    """

    name: str
    center: float
    scale: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.center) and math.isfinite(self.scale) and self.scale > 0):
            raise bad(f"property {self.name}", (self.center, self.scale), "a finite center and a positive scale")

    @property
    def class_names(self) -> tuple[str, ...]:
        return ()

    def of(self, labels: Tensor, properties: Mapping[str, Tensor]) -> Tensor:
        return ((properties[self.name].double() - self.center) / self.scale).float()

    def read(self, text: str) -> Tensor:
        try:
            numbers = torch.tensor([float(part) for part in text.split(",")], dtype=torch.float64)
        except ValueError as error:
            raise bad(f"values of {self.name}", repr(text), "numbers separated by commas") from error
        return self.of(torch.empty(0), {self.name: numbers})


CONDITIONS: Registry[Attribute] = Registry(
    "kind of condition", Attribute, {kebab(cls): cls for cls in (Label, Category, Above, Value)}
)
"""All kinds of conditions, by name."""


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _divide(text: str, names: Collection[str]) -> list[str]:
    """Splits a text at commas, but not inside the longest matching name."""
    parts, values = text.split(","), []
    most = 1 + max((name.count(",") for name in names), default=0)
    while parts:
        starts = [(_normal(",".join(parts[:count])), count) for count in range(min(most, len(parts)), 0, -1)]
        part, count = next((start for start in starts if start[0] in names), starts[-1])
        values.append(part)
        parts = parts[count:]
    return values


def quantile(values: Tensor | Sequence[float], share: float) -> float:
    """The value such that `share` percent of `values` are at or below it, interpolated between neighbours.

    Raises:
        ValueError: If there are no values, or the share is not between 0 and 100.
    """
    numbers = torch.as_tensor(values, dtype=torch.float64)
    if not 0 < share < 100 or len(numbers) == 0:
        raise bad(
            "percentile", f"{share} of {len(numbers)} values", "a number between 0 and 100, of at least one value"
        )
    return float(np.percentile(numbers.numpy(), share))
