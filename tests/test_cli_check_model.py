"""`dguide check-model` asks checkpoints, and models of one's own by their import path."""

from __future__ import annotations

import json
import sys

import pytest
from tiny import save_strings

MODULE = """
import torch
import dguide
from dguide.data import Label, Split, Strings, Value

network = torch.nn.Sequential(torch.nn.Embedding(17, 8), torch.nn.Linear(8, 17)).eval()


class Fair:
    process = dguide.Masked(16)

    def __call__(self, tokens, time, labels):
        return torch.zeros(*tokens.shape, 16)

    def null(self, labels):
        return torch.full_like(labels, 10)


class Probabilities(Fair):
    def __call__(self, tokens, time, labels):
        return torch.full((*tokens.shape, 16), 1 / 16)


def strings() -> dguide.data.Dataset:
    parts = [
        Split(3 + torch.arange(36).view(6, 6) % 3, torch.arange(6) % 2, {"mass": torch.arange(6.0)}) for _ in range(3)
    ]
    codec = Strings(("<begin>", "<end>", "<pad>", "a", "b", "c"), 6)
    return dguide.data.Dataset("strings", *parts, codec, (Label(("cat", "dog"), "kind"), Value("mass", 2.0, 0.5)))


def published():
    return lambda input_ids, timesteps: network(input_ids)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    name = f"models_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield name
    sys.modules.pop(name, None)


def test_a_checkpoint_is_asked_with_its_data(run):
    status, out, err = run("check-model", "digits-masked", "--count", 32, "--json")
    assert status == 0, err
    told = json.loads(out)
    assert told["ok"]
    seen = {line["question"]: line for line in told["lines"]}
    assert seen["answer"]["seen"] == "[32, 64, 16] of float32"
    assert "not decidable" not in {line["verdict"] for line in told["lines"]}
    assert seen["predicts the data"]["verdict"] == "right"


def test_what_is_wrong_sets_the_exit_status(run, module):
    status, out, _ = run("check-model", f"{module}:Probabilities", "--length", 3)
    assert status == 1
    assert "WRONG" in out
    assert "wrong: not probabilities" in out
    status, out, _ = run("check-model", f"{module}:Fair", "--data", "digits", "--count", 16)
    assert status == 1
    assert "wrong: predicts the data, null differs" not in out  # nothing is guessed after the first
    assert "wrong: predicts the data" in out


def test_a_loaded_model_is_adapted_by_its_convention(run, module):
    options = [
        "--convention",
        "mdlm:vocab_size=17,mask_id=16",
        "--length",
        5,
        "--process",
        "masked:vocab_size=17,mask_id=16",
    ]
    status, out, err = run("check-model", f"{module}:published", *options)
    assert status == 0, err
    assert "nothing wrong" in out
    assert "declared: time_dependent = False" in out
    options[-1] = "masked:vocab_size=17"
    status, _, err = run("check-model", f"{module}:published", *options)
    assert status == 2
    assert "as the convention says" in err
    status, _, err = run("check-model", f"{module}:published", *options[2:4])
    assert status == 2
    assert "got neither --convention nor --process" in err


def test_a_checkpoint_with_several_conditions_is_told_them(run, module, tmp_path):
    save_strings(tmp_path / "model")
    status, out, err = run("check-model", "model", "--data", f"{module}:strings", "--count", 6)
    assert status in (0, 1), err  # its weights are random
    assert "[6, 6, 6] of float32" in out


def test_what_does_not_fit_is_refused_at_once(run, module):
    status, out, err = run("check-model", "digits-maske", "--length", 3, "--unconditional")
    assert (status, out) == (2, "")
    for words in ("--length: got a value beside the checkpoint", "--unconditional", "no such directory"):
        assert words in err
    status, _, err = run(
        "check-model", f"{module}:Nothing", "--unconditional", "--process", "what", "--convention", "lada"
    )
    assert status == 2
    for words in ("there is no Nothing", "without --data", "unknown process: got 'what'", "Did you mean 'llada'"):
        assert words in err
