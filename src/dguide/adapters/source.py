"""Studies of models that others published: every worker opens the files itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from ..denoiser import Condition
from ..devices import usable_device
from ..errors import bad
from ..nn import DTYPES
from ..study import Opened, Source
from ..study.content import digest_of_object
from .published import ImageModel, Published, opened

__all__ = ["PublishedSource"]


@dataclass(frozen=True, eq=False)
class PublishedSource(Source):
    """A published model by its files, which every worker must see, and the SHA-256 of its weights.

    Args:
        published: The model, with absolute paths.
        words: How the user named it.
        checksum: `ImageModel.digest`.
        device: Device of the network.
        dtype: Precision of the network, a name in `dguide.nn.DTYPES`.
    """

    published: Published
    words: str
    checksum: str
    device: str = "cpu"
    dtype: str = "float32"

    @property
    def digest(self) -> str:  # type: ignore[override]
        """The digest; it has the kind of device, since devices differ in the last bits of a network."""
        return digest_of_object("model", [self.checksum, self.device.split(":")[0], self.dtype])

    def open(self) -> Opened:
        """As `Source` says. Raises `ValueError` if the files hold other weights by now."""
        model = self._model()
        rows, columns = model.shape
        return Opened(model.denoiser, model.process, rows * columns)

    def told(self, condition: Condition) -> Condition:
        """As `Source` says: values by name, unless there is one condition only."""
        return condition if len(condition) > 1 else next(iter(condition.values()))

    def named(self, condition: Condition) -> dict[str, Tensor]:
        """As `Source` says: the first condition is `labels`."""
        first = next(iter(condition))
        return {"labels" if name == first else name: values for name, values in condition.items()}

    def here(self) -> PublishedSource:
        """As `Source` says."""
        return replace(self, device="cpu", dtype="float32")

    def _model(self) -> ImageModel:
        model = opened(self.published, usable_device(self.device), DTYPES[self.dtype])
        if model.digest != self.checksum:
            remedy = "Choose another folder for the results of the new ones."
            raise bad(f"weights of {self.words}", "others than at the start", "the same until the end", remedy)
        return model
