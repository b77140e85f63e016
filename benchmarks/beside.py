"""The bundled network beside `torch.nn.TransformerEncoder` of the same width, depth, heads and feed-forward.

The encoder is the plainest transformer that PyTorch has: no embeddings, no class, no output layer; `eval()` without
gradients gives it the fused layer that PyTorch has for it. Costs are ratios of medians of processor time of calls that
take turns, for about 4,096 tokens; with two threads that of both counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from dguide import checkpoint
from dguide.nn import DiffusionTransformer, Inference
from studies.common import ROOT, Study, table

from .backbone import medians

__all__ = ["STUDY"]

TOKENS, REPEATS = 4096, 9
NETWORKS = {"digits-masked": "digits", "mnist14-masked": "MNIST, 14 x 14", "qm9-masked": "QM9"}
COLUMNS = {
    "float32, 1 thread": (1, "float32"),
    "float32, 2 threads": (2, "float32"),
    "bfloat16, 1 thread": (1, "bfloat16"),
}


def encoder(model: DiffusionTransformer) -> nn.TransformerEncoder:
    """An encoder of the same sizes, with random weights."""
    width, layers, heads, expansion = (model.hyperparameters[k] for k in ("width", "layers", "heads", "expansion"))
    layer = nn.TransformerEncoderLayer(
        width, heads, expansion * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)


def inputs(model: DiffusionTransformer) -> tuple[Tensor, Tensor, Any]:
    generator = torch.Generator().manual_seed(0)
    batch = TOKENS // model.length
    tokens = torch.randint(0, model.input_size, (batch, model.length), generator=generator)
    empty = torch.zeros(batch, dtype=torch.int64)
    sizes = model.n_classes
    like = (
        {name: empty if size else empty.float() for name, size in sizes.items()} if isinstance(sizes, dict) else empty
    )
    return tokens, torch.rand(batch, generator=generator), model.null(like)


def embedded(model: DiffusionTransformer) -> Tensor:
    """What the encoder reads, in place of tokens."""
    shape = TOKENS // model.length, model.length, model.hyperparameters["width"]
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def forward(model: DiffusionTransformer, dtype: str) -> dict[str, Callable[[], object]]:
    """A call of each, as sampling makes it."""
    ready, given = Inference(model, dtype=dtype), inputs(model)
    plain = encoder(model).to(ready.network.head.weight.dtype).eval()
    hidden = embedded(model).to(ready.network.head.weight.dtype)

    def encoded() -> Tensor:
        with torch.no_grad():
            out: Tensor = plain(hidden)
        return out

    return {"network": lambda: ready(*given), "encoder": encoded}


def training(model: DiffusionTransformer) -> dict[str, Callable[[], object]]:
    """A call of each with its gradients."""
    given, plain = inputs(model), encoder(model).train()
    hidden = embedded(model)
    return {"network": lambda: model(*given).sum().backward(), "encoder": lambda: plain(hidden).sum().backward()}


def compute() -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    threads = torch.get_num_threads()
    for name in NETWORKS:
        model = checkpoint.load(ROOT / "checkpoints" / name).model
        columns: dict[str, dict[str, float]] = {}
        for column, (number, dtype) in COLUMNS.items():
            torch.set_num_threads(number)
            columns[column] = medians(forward(model, dtype), REPEATS)
        torch.set_num_threads(1)
        columns["training, 1 thread"] = medians(training(model), REPEATS)
        found.append({"network": name, "seconds": columns})
        ratios = {column: each["network"] / each["encoder"] for column, each in columns.items()}
        print(f"{name}: " + "; ".join(f"{column} {ratio:.2f}" for column, ratio in ratios.items()), flush=True)
    torch.set_num_threads(threads)
    return {"tokens": TOKENS, "repeats": REPEATS, "beside": found}


def sections(results: dict[str, Any]) -> dict[str, str]:
    columns = list(results["beside"][0]["seconds"])
    lines = [
        [NETWORKS[each["network"]], *(f"{s['network'] / s['encoder']:.2f}" for s in each["seconds"].values())]
        for each in results["beside"]
    ]
    return {"beside": table("checkpoint | " + " | ".join(f":{column}" for column in columns), lines)}


STUDY = Study("beside", "speed-network.md", "two minutes of one core", compute, sections, folder="benchmarks")

if __name__ == "__main__":
    STUDY.main(__doc__)
