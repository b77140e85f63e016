"""Files of weights of others: read without running anything, and filled in only where all of it fits."""

from __future__ import annotations

import argparse
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from dguide.errors import InputError
from dguide.state_dict import fill, read
from dguide.stored import planning

WEIGHTS = {"weight": torch.arange(6.0).view(2, 3), "bias": torch.ones(2)}


class Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run",)


@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        {"model": WEIGHTS, "args": argparse.Namespace(lr=0.1), "iter": 3},
        {"model": OrderedDict((f"module._orig_mod.{name}", each) for name, each in WEIGHTS.items())},
    ],
    ids=["alone", "beside others", "prefixes"],
)
@pytest.mark.parametrize("old", [False, True])
def test_tensors_are_found_where_they_stand(tmp_path: Path, content: dict[str, Any], old: bool) -> None:
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=not old)
    found = read(tmp_path / "w.pth", ("ema", "model"))
    assert {name: each.tolist() for name, each in found.items()} == {k: v.tolist() for k, v in WEIGHTS.items()}


def test_safetensors_are_the_same(tmp_path: Path) -> None:
    save_file({f"module.{name}": each for name, each in WEIGHTS.items()}, tmp_path / "w.safetensors")
    assert torch.equal(read(tmp_path / "w.safetensors")["weight"], WEIGHTS["weight"])


def test_nothing_in_a_file_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"model": WEIGHTS, "extra": Runs()}, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"without running what is in it.*safetensors.torch.save_file"):
        read(tmp_path / "w.pt", ("model",))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("w.pt", None, "no such file"),
        ("w.pt", b"nothing of the kind", "got "),
        ("w.safetensors", b"nothing of the kind", "expected a safetensors file"),
        ("w.pt", [1, 2], "got list, expected tensors by name"),
        ("w.pt", {"epoch": 3, "name": "x"}, "got a file with epoch, name, which are no tensors"),
        ("w.pt", {"model": {}}, "a file without tensors"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: Any, text: str) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(InputError, match=re.escape(text)):
        read(path, ("model",))


def test_all_that_does_not_fit_is_told_at_once() -> None:
    with planning():
        network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2, bias=False))
    given = {"0.weight": torch.zeros(3, 2), "0.bias": torch.zeros(2), "2.weight": torch.zeros(1)}
    with pytest.raises(InputError) as error:
        fill(network, given, Path("w.pt"), "a network of two layers", torch.float32)
    expected = (
        "weights w.pt: got 1 missing: 1.weight; 1 unexpected: 2.weight; 1 of another shape: 0.weight [3, 2] instead of "
        "[2, 3], expected the 3 tensors of a network of two layers. "
    )
    assert str(error.value).startswith(expected)


def test_weights_that_fit_are_taken_in_the_precision_that_is_asked_for() -> None:
    with planning():
        network = nn.Linear(3, 2)
    fill(network, WEIGHTS, Path("w.pt"), "a layer", torch.bfloat16)
    assert network.weight.dtype == torch.bfloat16
    assert torch.equal(network.weight, WEIGHTS["weight"].bfloat16())
    assert not network.training
    assert not network.weight.requires_grad
