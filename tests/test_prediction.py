"""A network of the leave-one-out law from training to samples gives what its weights give as posterior."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import DIGITS, save_tiny

import dguide
from dguide import Uniform, checkpoint, filling
from dguide.cli import main
from dguide.evaluate import hypotheses, likelihood, read
from dguide.nn import DiffusionTransformer, Inference
from dguide.train import TrainConfig, train

SMALL: dict[str, Any] = {
    "process": "uniform",
    "width": 16,
    "layers": 1,
    "heads": 2,
    "batch_size": 8,
    "warmup": 1,
    "rate": 3e-3,
    "evaluate_passes": 1,
    "device": "cpu",
    "steps": 6,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two runs that differ in the prediction only."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dguide.train.denoisers.passes_for", lambda count: 1)
        for name in ("posterior", "leave-one-out"):
            train(TrainConfig(**SMALL, out=folder / name, prediction=name))
    return {name: folder / name for name in ("posterior", "leave-one-out")}


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[checkpoint.Checkpoint, checkpoint.Checkpoint]:
    """A checkpoint of the posterior, and one of the leave-one-out law with the same weights."""
    folder = tmp_path_factory.mktemp("twins")
    first = checkpoint.load(save_tiny(folder / "posterior", "uniform"))
    model = DiffusionTransformer(**first.model.hyperparameters | {"prediction": "leave-one-out"})
    model.load_state_dict(first.model.state_dict())
    about = replace(
        first.config, network=model.hyperparameters, process=first.config.process | {"prediction": "leave-one-out"}
    )
    checkpoint.save(folder / "leave-one-out", model, about)
    return first, checkpoint.load(folder / "leave-one-out")


def test_both_runs_are_one_up_to_rounding(runs: dict[str, Path]) -> None:
    first, second = (checkpoint.load(path) for path in runs.values())
    assert (first.process.prediction, second.process.prediction) == ("posterior", "leave-one-out")
    assert (first.model.prediction, second.model.prediction) == ("posterior", "leave-one-out")
    assert second.config.bits == pytest.approx(first.config.bits, abs=1e-3)
    for mine, theirs in zip(first.model.parameters(), second.model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-2, atol=1e-4)


def test_a_checkpoint_tells_its_prediction(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    for name, path in runs.items():
        assert main(["info", str(path)]) == 0
        assert f"prediction={name}" in capsys.readouterr().out
    assert "--prediction leave-one-out" in checkpoint.load(runs["leave-one-out"]).config.command


def test_a_checkpoint_that_does_not_tell_is_of_the_posterior(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model", "uniform")
    config = json.loads((folder / checkpoint.CONFIG).read_text())
    for part in ("network", "process"):
        assert config[part].pop("prediction") == "posterior"
    (folder / checkpoint.CONFIG).write_text(json.dumps(config))
    assert checkpoint.load(folder).process == Uniform(16)
    assert checkpoint.load(folder).model.prediction == "posterior"


def test_a_run_that_does_not_tell_resumes(tmp_path: Path) -> None:
    assert "prediction" not in TrainConfig(**SMALL, out=tmp_path).recipe()
    assert TrainConfig(**SMALL, out=tmp_path, prediction="leave-one-out").recipe()["prediction"] == "leave-one-out"


def test_a_run_of_one_law_begins_with_the_weights_of_the_other(runs: dict[str, Path], tmp_path: Path) -> None:
    kept = SMALL | {"rate": 1e-30, "steps": 1, "from_": runs["posterior"]}
    train(TrainConfig(**kept, out=tmp_path / "second", prediction="leave-one-out"))
    second = checkpoint.load(tmp_path / "second")
    assert second.config.validation_bits == pytest.approx(checkpoint.load(runs["posterior"]).config.bits, abs=0.1)
    assert second.process.prediction == "leave-one-out"


def test_masks_have_no_other_law(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"prediction: got leave-one-out with masked.*both laws are the same"):
        TrainConfig(**SMALL | {"process": "masked"}, out=tmp_path, prediction="leave-one-out")
    sizes: dict[str, Any] = {"input_size": 5, "width": 8, "layers": 1, "heads": 2}
    with pytest.raises(ValueError, match=r"prediction: got 'leave-one-out', expected .*without noise"):
        DiffusionTransformer(4, 2, 3, **sizes, prediction="leave-one-out")
    with pytest.raises(ValueError, match="prediction: got 'loo'"):
        DiffusionTransformer(4, 2, 3, **sizes, noise="linear", prediction="loo")


def test_the_process_adds_the_evidence_that_the_network_leaves_out(
    twins: tuple[checkpoint.Checkpoint, checkpoint.Checkpoint],
) -> None:
    first, second = twins
    tokens, time = DIGITS.test.tokens[:4], torch.tensor([1.0, 0.7, 0.1, 1e-6])
    labels, rows = torch.tensor([0, 3, 9, 10]), torch.tensor([5, 70, 130, 255])
    here, when = tokens.flatten()[rows], time[rows // 64]
    for one, other in ((first.model, second.model), (Inference(first.model), Inference(second.model))):
        assert other.prediction == "leave-one-out"
        expected = first.process.log_posterior(one(tokens, time, labels), tokens, time)
        found = second.process.log_posterior(other(tokens, time, labels), tokens, time)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        expected = first.process.log_posterior(one.logits_at(tokens, time, labels, rows), here, when)
        found = second.process.log_posterior(other.logits_at(tokens, time, labels, rows), here, when)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_samples_fillings_bits_and_readings_are_those_of_the_posterior(
    twins: tuple[checkpoint.Checkpoint, checkpoint.Checkpoint],
) -> None:
    tokens, labels = DIGITS.test.tokens[:6], DIGITS.test.labels[:6]
    images = (255 * DIGITS.picture(tokens[:2])).round().byte().numpy()
    region = filling.rectangle((0, 0, 4, 8), (8, 8))
    settings: dict[str, Any] = {"guidance": dguide.Unlocking(1.0), "sampler": dguide.Ancestral(4)}
    found = []
    for each in twins:
        drawn = dguide.sample(each.model, process=each.process, length=64, condition=labels, **settings).tokens
        with pytest.warns(UserWarning, match="heuristic"):
            filled = filling.fill(each, images[0], region, condition=labels[:2], **settings).tokens
        bits = likelihood(each.model, each.process, tokens, labels, passes=2).bits
        nats = read(each.model, each.process, tokens, hypotheses(each.conditions, 6), passes=2).nats
        found.append((drawn, filled, bits, nats))
    first, second = found
    assert float((first[0] == second[0]).double().mean()) > 0.99  # rounding may decide between two tokens
    assert float((first[1] == second[1]).double().mean()) > 0.99
    assert first[2] == pytest.approx(second[2], rel=1e-5)
    torch.testing.assert_close(first[3], second[3], rtol=1e-4, atol=1e-3)


def test_a_network_is_refused_with_the_process_of_the_other_law(
    twins: tuple[checkpoint.Checkpoint, checkpoint.Checkpoint],
) -> None:
    first, second = twins
    settings: dict[str, Any] = {"length": 64, "condition": torch.tensor([3]), "sampler": dguide.Ancestral(2)}
    for model in (second.model, Inference(second.model)):
        with pytest.raises(ValueError, match="prediction of the denoiser: got 'leave-one-out'"):
            dguide.sample(model, process=first.process, **settings)
