"""A language model and its tokenizer in a folder, as `save_pretrained` of transformers leaves them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...errors import bad, choose, require
from .families import FAMILIES

__all__ = ["Pretrained"]


@dataclass(frozen=True)
class Pretrained:
    """A model of transformers in a folder of this machine. Nothing is downloaded.

    Args:
        folder: The folder, with `config.json`, weights and tokenizer.
        trust_remote_code: Whether Python code that lies in the folder may be run, as LLaDA and Dream need it.
        family: A name in `FAMILIES`, for a model whose config does not tell.
    """

    folder: Path
    trust_remote_code: bool = False
    family: str | None = None

    def __post_init__(self) -> None:
        if self.family is not None:
            choose("family of models", self.family, FAMILIES)

    def open(self, device: torch.device, dtype: torch.dtype | None = None) -> tuple[Any, Any]:
        """The model in evaluation mode, and its tokenizer.

        Args:
            device: Where the model goes.
            dtype: Its precision; None for that of the files.

        Raises:
            ValueError: If there is no such folder, a file is missing or damaged, weights are missing, or the model
                needs code of its own that may not be run.
            MissingExtra: Without transformers.
        """
        transformers = require("transformers", "transformers")
        kind = self._auto_class(transformers)
        how = {"local_files_only": True, "trust_remote_code": self.trust_remote_code}
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder, **how)
            model, told = getattr(transformers, kind).from_pretrained(self.folder, output_loading_info=True, **how)
        except (OSError, ValueError, KeyError, AttributeError, ImportError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise bad(f"model {self.folder}", reason, "a model and its tokenizer, as save_pretrained writes") from error
        missing = sorted(told["missing_keys"])
        if missing:
            got = f"a checkpoint without {len(missing)} weights of {type(model).__name__}, such as {missing[0]}"
            raise bad(f"model {self.folder}", got, "all of them", "A model of another task has no head for words.")
        return model.to(device=device, dtype=dtype).eval(), tokenizer

    def _auto_class(self, transformers: Any) -> str:
        """The class of transformers that loads the model. Code in the folder is not run."""
        path = self.folder / "config.json"
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            kind, own = str(config.get("model_type")), config.get("auto_map") or {}
        except (OSError, ValueError, AttributeError) as error:
            raise bad(f"model {self.folder}", f"no readable {path.name}", "a folder of save_pretrained") from error
        known = kind in transformers.CONFIG_MAPPING
        if not known and not own:
            got = f"model_type {kind!r}, which transformers {transformers.__version__} does not have"
            raise bad(f"model {self.folder}", got, "another one, or code in the folder", "Update transformers.")
        if not known and not self.trust_remote_code:
            got = f"model_type {kind!r}, whose code lies in the folder"
            remedy = "If you trust it: trust_remote_code=true."
            raise bad(f"model {self.folder}", got, "a model of transformers itself", remedy)
        return "AutoModelForMaskedLM" if known or "AutoModelForMaskedLM" in own else "AutoModel"
