"""A tokenizer is trained by the loop of denoisers: it stops, resumes, chooses, tells and is loaded in the same way."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from dguide import tokenizers
from dguide.data import pictures
from dguide.errors import InputError
from dguide.tokenizers.learnt import WEIGHTS
from dguide.train import TokenizerConfig, TrainConfig, train, train_tokenizer
from dguide.train.state import STATE
from dguide.train.tokenizers.config import RATES
from dguide.train.tokenizers.figures import figures
from dguide.train.tokenizers.objective import Loss
from dguide.train.tokenizers.task import Tokenizing, moments

Run = Callable[..., tuple[int, str, str]]
TINY: dict[str, Any] = {
    "steps": 7,
    "width": 16,
    "factor": 4,
    "codes": 64,
    "batch_size": 4,
    "warmup": 2,
    "evaluate_every": 3,
    "weight_decay": 0.1,
    "flips": True,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of 30 small grey pictures in two classes: a soft blob, with noise."""
    folder, source = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    rows, columns = np.mgrid[:16, :24]
    for number in range(30):
        path = folder / ("dark", "bright")[number % 2]
        path.mkdir(exist_ok=True)
        where = source.uniform(4, 12, 2)
        blob = np.exp(-((rows - where[0]) ** 2 + (columns - where[1]) ** 2) / 30)
        grey = 40 + 80 * (number % 2) + 100 * blob + source.uniform(0, 10, blob.shape)
        Image.fromarray(grey.astype(np.uint8)).save(path / f"{number}.png")
    return f"images:{folder},size=16x24"


def config(out: Path, data: str, **changes: Any) -> TokenizerConfig:
    return TokenizerConfig(**(TINY | {"out": out, "data": data} | changes))


def assert_same(one: Path, other: Path) -> None:
    for name in (STATE, WEIGHTS):
        first, second = load_file(one / name), load_file(other / name)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[each], second[each]) for each in first)


@pytest.mark.parametrize("changes", [{}, {"optimizer": "adamw", "loss": "l1"}], ids=["muon", "adamw"])
def test_a_stopped_run_resumes_to_the_bit(tmp_path: Path, data: str, changes: dict[str, Any]) -> None:
    whole, halves = (config(tmp_path / name, data, **changes) for name in ("whole", "halves"))
    result = train_tokenizer(whole)
    assert result.finished
    assert [each.step for each in result.history] == [3, 6, 7]
    stop = {4: signal.SIGINT}
    stopped = train_tokenizer(halves, lambda step: os.kill(os.getpid(), stop.get(step, 0)))
    assert (stopped.finished, stopped.steps) == (False, 4)
    assert train_tokenizer(halves).finished
    assert_same(tmp_path / "whole", tmp_path / "halves")
    steps: list[int] = []
    assert train_tokenizer(whole, steps.append).finished
    assert steps == []
    assert result.best is not None
    assert result.best.figure == min(each.figure for each in result.history)


def test_the_folder_holds_the_best_weights_with_their_figures(tmp_path: Path, data: str) -> None:
    result, source = train_tokenizer(config(tmp_path, data)), pictures(data)
    found = tokenizers.load(tmp_path)
    assert isinstance(found, tokenizers.LearntTokenizer)
    about = found.about
    assert result.best is not None
    assert about.steps == result.best.step
    assert about.validation["psnr"] == -result.best.figure
    assert about.test == figures(found, source.test)
    assert (about.data, about.data_digest) == (data, source.digest)
    assert about.command.startswith(f"dguide train-tokenizer --out {tmp_path} --data {data} --steps 7 --factor 4")
    assert (found.height, found.width, found.channels, found.codes, found.grid) == (16, 24, 1, 64, (4, 6))
    mean, deviation = moments(source.train)
    pixels = torch.cat([torch.from_numpy(chunk) for chunk in source.train.chunks()]).double() / 127.5 - 1
    torch.testing.assert_close(mean.double(), pixels.mean().view(1), atol=1e-6, rtol=0)
    torch.testing.assert_close(deviation.double(), pixels.std(correction=0).view(1), atol=1e-6, rtol=0)
    assert torch.equal(found.network.mean.flatten(), mean)


def test_figures_are_those_of_their_definitions(tmp_path: Path, data: str) -> None:
    train_tokenizer(config(tmp_path, data, steps=2))
    tokenizer, images = tokenizers.load(tmp_path), pictures(data).validation
    originals = images.batch(slice(None))
    tokens = tokenizer.encode(originals)
    error = (tokenizer.decode(tokens).double() - originals.double()).flatten(1)
    found = figures(tokenizer, images)
    assert found["psnr"] == pytest.approx(10 * math.log10(255**2 / float(error.square().mean())))
    each = 10 * (255**2 / error.square().mean(1)).log10()
    assert found["psnr_mean"] == pytest.approx(float(each.mean()))
    assert found["l1"] == pytest.approx(float(error.abs().mean()))
    assert found["codes_used"] == len(tokens.unique())


def test_a_tokenizer_learns(tmp_path: Path, data: str) -> None:
    settings = {"steps": 60, "batch_size": 8, "evaluate_every": 10, "ema": 0.9, "flips": False, "weight_decay": 0.0}
    history = train_tokenizer(config(tmp_path, data, rate=0.02, **settings)).history
    assert -history[-1].figure > -history[0].figure + 3
    assert -history[-1].figure > 22


def test_the_loss_is_that_of_all_and_of_the_worst_pixels() -> None:
    images, drawn = torch.zeros(2, 1, 2, 5), torch.arange(20.0).view(2, 1, 2, 5)
    assert float(Loss(None)(drawn, images)) == 9.5
    assert float(Loss(0.1)(drawn, images)) == 9.5 + (9 + 19) / 2 / 2
    assert float(Loss(0.11)(drawn, images)) == 9.5 + (8.5 + 18.5) / 2 / 2
    assert float(Loss(1.0)(drawn, images)) == 9.5 * 1.5


def test_muon_takes_the_large_convolutions_but_the_first(tmp_path: Path, data: str) -> None:
    task = Tokenizing(config(tmp_path, data, factor=8, width=48))
    rest, muon = task.optimizers()
    taken = {id(each) for group in muon.param_groups for each in group["params"]}
    names = [name for name, each in task.model.named_parameters() if id(each) in taken]
    assert all(name.endswith("weight") for name in names)
    assert "encoder.1.weight" not in names  # the first convolution
    weights = [each for each in task.model.modules() if isinstance(each, nn.Conv2d)]
    small = [each for each in weights if min(each.weight.flatten(1).shape) < 16]
    assert len(small) == 1  # to the two channels of the latent
    assert len(names) == len(weights) - len(small) - 1
    held = sum(len(group["params"]) for each in (rest, muon) for group in each.param_groups)
    assert held == len(list(task.model.parameters()))


@pytest.mark.parametrize("width", [16, 96])
def test_a_step_is_as_large_at_any_width_and_that_of_adamw_has_its_own_rate(
    tmp_path: Path, data: str, width: int
) -> None:
    """Otherwise codes collapsed: 8 of 512 were left on real photographs at width 96."""
    settings = config(
        tmp_path, data, width=width, optimizer="muon", steps=1, warmup=0, decay="constant", weight_decay=0.0
    )
    task = Tokenizing(settings)
    _, muon = task.optimizers()
    before = {name: each.clone() for name, each in task.model.state_dict().items()}
    train_tokenizer(settings)
    after = load_file(tmp_path / STATE)
    of_muon = {id(each) for group in muon.param_groups for each in group["params"]}
    for name, each in task.model.named_parameters():
        moved = after[f"model.{name}"] - before[name]
        if id(each) not in of_muon:
            assert float(moved.abs().max()) < 1.01 * RATES["adamw"]
        elif moved.any():
            size = RATES["muon"] * max(1, len(moved) / moved[0].numel()) ** 0.5
            assert 0.6 < float(torch.linalg.matrix_norm(moved.flatten(1), 2)) / size < 1.3


@pytest.mark.parametrize(("rate", "told"), [(1.0, True), (0.002, False)])
def test_few_codes_are_told_with_a_remedy(
    tmp_path: Path, data: str, rate: float, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    train_tokenizer(config(tmp_path, data, optimizer="adamw", rate=rate, steps=6))
    lines = [line for line in capsys.readouterr().err.splitlines() if "few codes are used" in line]
    assert bool(lines) == told
    assert all(f"with a rate below {rate:g}" in line for line in lines)


def test_wrong_settings_are_told_before_the_work(run: Run, tmp_path: Path, data: str) -> None:
    out = tmp_path / "x"
    wrong = ["--factor", "3", "--codes", "500", "--loss", "l2", "--worst", "2", "--data", data]
    status, _, err = run("train-tokenizer", "--out", out, "--steps", "1", *wrong)
    assert status == 2
    for words in ("factor: got 3, expected one of 4, 8, 16", "The nearest is 512", "--loss", "--worst"):
        assert words in err
    status, _, err = run("train-tokenizer", "--out", out, "--steps", "1", "--data", data, "--factor", "16")
    assert (status, "width of the pictures: got 24, expected a multiple of the factor 16" in err) == (2, True)
    status, _, err = run("train-tokenizer", "--out", out, "--data", data)
    assert (status, "exactly one of the two" in err) == (2, True)
    assert not out.exists()


def test_the_command_trains_and_info_shows_it(run: Run, tmp_path: Path, data: str) -> None:
    out = tmp_path / "tokenizer"
    small = ["--factor", 8, "--codes", 64, "--width", 8, "--batch-size", 4, "--evaluate-every", 2, "--device", "cpu"]
    status, printed, err = run("train-tokenizer", "--data", data, "--out", out, "--steps", 3, *small)
    assert status == 0, err
    assert "PSNR" in printed
    assert "of 64 codes used" in printed
    assert "4 pictures of 16 x 24" in err
    assert "validation PSNR" in err
    status, printed, _ = run("info", out)
    assert status == 0
    for words in ("16 x 24 pixels, grey", "2 x 3 of 64 codes", "of the test data", "--steps 3", data):
        assert words in printed
    summary = json.loads(run("info", out, "--json")[1])
    assert summary["digest"] == tokenizers.load(out).digest
    status, _, err = run("train-tokenizer", "--data", data, "--out", out, "--steps", 4, *small)
    assert (status, "steps=4" in err) == (2, True)
    (out / STATE).unlink()
    status, _, err = run("train-tokenizer", "--data", data, "--out", out, "--steps", 3, *small)
    assert (status, "a finished checkpoint (tokenizer.json)" in err) == (2, True)


def test_minutes_end_a_run(tmp_path: Path, data: str) -> None:
    result = train_tokenizer(config(tmp_path, data, steps=None, minutes=0.02))
    assert result.finished
    assert result.history[-1].step == result.steps


def test_strings_have_no_tokenizer_of_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="whose sequences are no pixels"):
        train_tokenizer(config(tmp_path, "qm9"))


def test_the_rate_is_that_of_the_optimizer_unless_it_is_given(run: Run, tmp_path: Path, data: str) -> None:
    for optimizer, rate in (("muon", 0.01), ("adamw", 0.002)):
        usual = config(tmp_path, data, optimizer=optimizer)
        assert usual.rate == rate
        assert "--rate" not in usual.command()
        given = config(tmp_path, data, optimizer=optimizer, rate=0.005)
        assert given.rate == 0.005
        assert "--rate 0.005" in given.command()
    assert "--rate 0.03" in config(tmp_path, data, optimizer="adamw", rate=0.03).command()
    assert config(tmp_path, data).rate == 0.01
    status, _, err = run("train-tokenizer", "--out", tmp_path / "x", "--steps", 1, "--data", data, "--optimizer", "sgd")
    assert (status, "--optimizer" in err, "--rate" in err) == (2, True, False)
    told = " ".join(run("train-tokenizer", "--help")[1].split())
    assert "0.01 for muon" in told.replace("│", "")


def test_the_width_is_that_of_the_size_unless_it_is_given(run: Run, tmp_path: Path, data: str) -> None:
    def sized(**given: Any) -> TokenizerConfig:
        return TokenizerConfig(out=tmp_path / "x", data=data, steps=1, **given)

    assert sized().width == 48
    for size, width in (("tiny", 16), ("small", 32), ("medium", 48), ("large", 96)):
        assert sized(size=size).width == width
        assert "--width" not in sized(size=size).command()
        assert f"--width {width + 1}" in sized(size=size, width=width + 1).command()
    status, _, err = run("train-tokenizer", "--out", tmp_path / "x", "--steps", 1, "--data", data, "--size", "giant")
    assert (status, "tiny" in err) == (2, True)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> set[torch.dtype]:
    """The precisions of what convolutions and matrices compute, as a set that grows."""
    found: set[torch.dtype] = set()
    for kind in (nn.Conv2d, nn.Linear):

        def forward(layer: Any, inputs: torch.Tensor, plain: Callable[..., torch.Tensor] = kind.forward) -> Any:
            result = plain(layer, inputs)
            found.add(result.dtype)
            return result

        monkeypatch.setattr(kind, "forward", forward)
    return found


def test_one_process_trains_in_one_precision_after_another(
    tmp_path: Path, data: str, computed: set[torch.dtype], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dguide.train.denoisers.passes_for", lambda count: 2)
    digits = {"steps": 1, "width": 16, "layers": 1, "heads": 2, "batch_size": 8, "evaluate_passes": 1, "device": "cpu"}
    for number, precision in enumerate(("bf16", "no", "bf16")):
        denoiser = TrainConfig(out=tmp_path / f"model-{number}", precision=precision, **digits)
        tokenizer = config(tmp_path / f"tokenizer-{number}", data, precision=precision, steps=1)
        for start in (lambda config=denoiser: train(config), lambda config=tokenizer: train_tokenizer(config)):
            computed.clear()
            assert start().finished
            assert (torch.bfloat16 in computed) == (precision == "bf16")


def test_bfloat16_trains_and_encodes_in_float32_in_any_batch(
    tmp_path: Path, data: str, computed: set[torch.dtype]
) -> None:
    settings = {"steps": 40, "batch_size": 8, "evaluate_every": 10, "ema": 0.9, "flips": False, "weight_decay": 0.0}
    history = train_tokenizer(config(tmp_path, data, precision="bf16", **settings)).history
    assert torch.bfloat16 in computed
    assert -history[-1].figure > -history[0].figure + 1
    assert all(each.dtype == torch.float32 for each in load_file(tmp_path / WEIGHTS).values())
    tokenizer, images = tokenizers.load(tmp_path), pictures(data).train.batch(slice(None))
    computed.clear()
    whole = tokenizer.encode(images)
    assert len(whole.unique()) > 1
    assert torch.equal(whole[5:6], tokenizer.encode(images[5:6]))
    assert torch.equal(whole.flip(0), tokenizer.encode(images.flip(0)))
    assert computed == {torch.float32}
