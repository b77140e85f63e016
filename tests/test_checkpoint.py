from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dguide import checkpoint, files, noise
from dguide.checkpoint import Config
from dguide.data import CODECS, CONDITIONS, Label, Pixels
from dguide.errors import InputError
from dguide.nn import DiffusionTransformer
from dguide.process import PROCESSES as REGISTRY
from dguide.process import Masked, Process, Uniform

CODEC = CODECS.describe(Pixels.grey(2, 3, 16))
LABEL = CONDITIONS.describe(Label(tuple("0123456789")))
PROCESSES = [Masked(16), Masked(16, mask_id=3), Uniform(16, noise=noise.Geometric(1e-4, 10.0))]


def network(process: Process) -> DiffusionTransformer:
    schedule = None if process.prediction_free_rate else process.noise
    model = DiffusionTransformer(
        16, 10, 6, input_size=process.input_size, shape=(2, 3), noise=schedule, width=16, layers=1, heads=2
    )
    with torch.no_grad():
        model.head.weight.normal_(generator=torch.Generator().manual_seed(0))
    return model


def about(model: DiffusionTransformer, process: Process) -> Config:
    told = (CODEC, [LABEL], False)
    return Config(
        model.hyperparameters, REGISTRY.describe(process), "digits", *told, "train it", 3, 17, 1.4, 1.5, 0.1, "0.1.0"
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    process = Masked(16)
    model = network(process)
    checkpoint.save(tmp_path / "it", model, about(model, process))
    return tmp_path / "it"


@pytest.mark.parametrize("process", PROCESSES, ids=str)
def test_what_is_saved_is_loaded(tmp_path: Path, process: Process) -> None:
    model = network(process)
    checkpoint.save(tmp_path / "deep" / "it", model, about(model, process))
    found = checkpoint.load(tmp_path / "deep" / "it")
    assert found.process == process
    assert found.config == about(model, process)
    assert not found.model.training
    tokens, labels = torch.randint(0, 16, (3, 6), generator=torch.Generator().manual_seed(0)), torch.arange(3)
    time = torch.tensor([0.1, 0.5, 0.9])
    assert torch.equal(found.model(tokens, time, labels), model(tokens, time, labels))


def test_only_two_files_are_left_and_a_second_save_replaces_the_first(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["config.json", "model.safetensors"]
    found = checkpoint.load(saved)
    with torch.no_grad():
        found.model.head.bias.fill_(2)
    checkpoint.save(saved, found.model, replace(found.config, steps=18))
    again = checkpoint.load(saved)
    assert again.config.steps == 18
    assert torch.equal(again.model.head.bias, torch.full((16,), 2.0))
    assert sorted(path.name for path in saved.iterdir()) == ["config.json", "model.safetensors"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail() -> None:
        with files.replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_directory_or_file(saved: Path) -> None:
    with pytest.raises(ValueError, match="no such directory"):
        checkpoint.load(saved / "nowhere")
    (saved / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"without model\.safetensors"):
        checkpoint.load(saved)
    (saved / "config.json").unlink()
    with pytest.raises(ValueError, match=r"without config\.json"):
        checkpoint.load(saved)


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_truncated_weights(saved: Path, keep: int) -> None:
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"SHA-256.*[Cc]opy"):
        checkpoint.load(saved)


def test_one_flipped_bit(saved: Path) -> None:
    path = saved / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="SHA-256"):
        checkpoint.load(saved)


def test_weights_of_another_format_with_the_right_sum(saved: Path) -> None:
    path = saved / "model.safetensors"
    torch.save({"a": torch.zeros(2)}, path)
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | {"sha256": checkpoint.digest(path)}))
    with pytest.raises(ValueError, match="safetensors"):
        checkpoint.load(saved)


def test_weights_of_another_network(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text())
    config["network"]["layers"] = 2
    (saved / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="network"):
        checkpoint.load(saved)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "JSON"),
        ('{"format": "dguide-chec', "JSON"),
        ("\udcff", "JSON"),
        ("[1, 2]", "list"),
        ('{"model_type": "bert"}', "None"),
        ('{"format": "dguide-checkpoint-1"}', "missing.*network"),
    ],
)
def test_configurations_of_other_kinds(saved: Path, text: str, message: str) -> None:
    (saved / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=message):
        checkpoint.load(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": "many"}, "steps.*many"),
        ({"steps": 1.0, "seed": True}, "seed True.*steps 1.0"),
        ({"synthetic": 1}, "synthetic 1"),
        ({"sha256": 3}, "sha256 3"),
        ({"test_bits": True}, "test_bits"),
        ({"network": []}, "network"),
        ({"network": {"colour": 3}}, "network"),
        ({"network": {"vocab_size": 16, "n_classes": 10, "length": 6, "input_size": 16, "width": "8"}}, "width.*'8'"),
        ({"process": {"name": "maskd", "vocab_size": 16}}, "masked"),
        ({"process": {"name": "masked", "colour": 16}}, "option of process masked: got 'colour'"),
        ({"process": {"name": "masked", "vocab_size": 16, "noise": "linaer"}}, "linear"),
        ({"colour": 3}, "unknown.*colour"),
        ({"codec": {"kind": "pixels", "height": 2, "width": 3, "palette": ["red"]}}, "palette.*red"),
        ({"codec": {"kind": "pixel"}}, "pixels"),
        ({"conditions": [{"kind": "label", "colours": []}]}, "option of kind of condition label: got 'colours'"),
        ({"conditions": {}}, "conditions"),
    ],
)
def test_configurations_that_do_not_fit(saved: Path, changes: dict[str, object], message: str) -> None:
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | changes))
    with pytest.raises(ValueError, match=message):
        checkpoint.load(saved)


@pytest.mark.parametrize("process", PROCESSES, ids=str)
def test_a_description_restores_the_process(process: Process) -> None:
    description = REGISTRY.describe(process)
    assert REGISTRY.restore(json.loads(json.dumps(description))) == process


def test_foreign_processes_cannot_be_described() -> None:
    class Mine(Masked):
        pass

    with pytest.raises(ValueError, match="masked, uniform"):
        REGISTRY.describe(Mine(4))


class Killed(BaseException):
    """Ends a save where a signal would have."""


@pytest.mark.parametrize("first", [True, False], ids=["new", "replaced"])
def test_a_kill_between_the_renames_leaves_the_old_or_the_new_checkpoint(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    found = checkpoint.load(saved)
    old = found.model.head.bias.clone()
    with torch.no_grad():
        found.model.head.bias.fill_(2)
    rename = os.replace
    for renames in range(4):
        place = tmp_path / str(renames)
        if not first:
            shutil.copytree(saved, place)
        done = []

        def killed(source: Path, target: Path, done: list[int] = done, most: int = renames) -> None:
            if len(done) == most:
                raise Killed
            done.append(0)
            rename(source, target)

        with monkeypatch.context() as patch, contextlib.suppress(Killed):
            patch.setattr(os, "replace", killed)
            checkpoint.save(place, found.model, replace(found.config, steps=18))
        if first and not (place / "config.json").exists():
            assert renames < 2
            continue
        again = checkpoint.load(place)
        assert torch.equal(again.model.head.bias, found.model.head.bias if again.config.steps == 18 else old)
        checkpoint.save(place, found.model, replace(found.config, steps=19))
        assert checkpoint.load(place).config.steps == 19
        assert sorted(path.name for path in place.iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize(
    "network",
    [
        {"layers": 10**6},
        {"layers": 10**30},
        {"width": 2**40},
        {"length": 2**62},
        {"n_classes": {"a": 10**9}},
        {"shape": [2**40, 3]},
    ],
    ids=str,
)
def test_networks_beyond_their_weights_are_refused_before_they_are_built(
    saved: Path, network: dict[str, object]
) -> None:
    config = json.loads((saved / "config.json").read_text())
    config["network"] |= network
    (saved / "config.json").write_text(json.dumps(config))
    began = time.process_time()
    with pytest.raises(InputError, match=f"{next(iter(network))} of the network .* at most"):
        checkpoint.load(saved)
    assert time.process_time() - began < 20


@pytest.mark.parametrize("conditions", ["[]", "[5]", "[" * 300 + "]" * 300, "[" * 100_000])
def test_conditions_that_are_none(saved: Path, conditions: str) -> None:
    config = json.loads((saved / "config.json").read_text()) | {"conditions": "HERE"}
    (saved / "config.json").write_text(json.dumps(config).replace('"HERE"', conditions))
    with pytest.raises(InputError, match="config"):
        checkpoint.load(saved)


def test_a_run_without_a_checkpoint_yet(tmp_path: Path) -> None:
    (tmp_path / checkpoint.STATE).write_bytes(b"")
    with pytest.raises(InputError, match=r"without a checkpoint yet.*same dguide train command goes on"):
        checkpoint.load(tmp_path)
