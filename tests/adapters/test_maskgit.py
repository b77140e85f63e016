"""The Halton-MaskGIT transformer: the logits of the published network, its files, and that it is a denoiser."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from published import HERE, TRANSFORMER, autoencoder, published_keys
from safetensors.torch import load_file

from dguide import Halton, LowConfidence, Normalized, RampUp, sample
from dguide.adapters import MODELS, MaskGITFiles, PublishedSource, opened
from dguide.adapters.maskgit import MaskGIT, load
from dguide.adapters.maskgit.files import _sizes
from dguide.errors import InputError
from dguide.stored import planning
from dguide.study import Setting, Store, Study, run

KNOWN = {name: torch.from_numpy(array) for name, array in np.load(HERE / "maskgit.npz").items()}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> MaskGIT:
    return load(TRANSFORMER, heads=4)


def told(network: MaskGIT) -> torch.Tensor:
    """The classes of the known logits, where those that were dropped are the null label."""
    return torch.where(KNOWN["dropped"], network.null(KNOWN["labels"]), KNOWN["labels"])


def test_logits_are_those_of_the_published_network(network: MaskGIT) -> None:
    with torch.no_grad():
        logits = network.with_mask(KNOWN["tokens"].flatten(1), told(network))
    assert (logits - KNOWN["logits"]).abs().max() < 1e-5


def test_a_denoiser_gives_them_without_the_mask_at_all_or_some_positions_and_whatever_the_time(
    network: MaskGIT,
) -> None:
    tokens, time, rows = KNOWN["tokens"].flatten(1), torch.rand(4), torch.tensor([62, 0, 18, 18])
    with torch.no_grad():
        logits = network(tokens, time, told(network))
        some = network.logits_at(tokens, time, told(network), rows)
    assert torch.allclose(logits, KNOWN["logits"][..., :24], atol=1e-5)
    assert torch.allclose(some, logits.flatten(0, 1)[rows], atol=1e-5)


def test_every_published_tensor_has_its_place() -> None:
    shapes = published_keys("ImageNet_384_large.pth")
    sizes = _sizes(Path("file"), shapes, None)
    with planning():
        network = MaskGIT(sizes)
    assert {name: list(tensor.shape) for name, tensor in network.state_dict().items()} == shapes
    assert (sizes.codes, sizes.classes, sizes.shape, sizes.layers, sizes.heads) == (16384, 1000, (24, 24), 24, 16)


def test_lower_precision_is_close(network: MaskGIT) -> None:
    low = load(TRANSFORMER, heads=4, dtype=torch.bfloat16)
    with torch.no_grad():
        logits = low.with_mask(KNOWN["tokens"].flatten(1), told(network))
    assert logits.dtype == torch.bfloat16
    assert 0 < (logits.float() - KNOWN["logits"]).abs().max() < 0.1


@pytest.mark.parametrize("sampler", [Halton(4, "arccos", shape=(4, 4)), LowConfidence(4, "cosine", noise=4.5)])
def test_it_is_sampled_and_guided(network: MaskGIT, sampler: Any) -> None:
    options = {"process": network.process, "length": 16, "condition": torch.arange(7), "sampler": sampler}
    first, second = (
        sample(network, guidance=Normalized(weight=RampUp(weight)), **options).tokens for weight in (0.0, 5.0)
    )
    assert 0 <= int(second.min()) <= int(second.max()) < 24
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("tokens", "classes", "text"),
    [
        (
            torch.zeros(2, 4, 4, dtype=torch.int64),
            torch.zeros(2, dtype=torch.int64),
            "got torch.int64 .*4 x 4",
        ),
        (torch.full((2, 16), 25), torch.zeros(2, dtype=torch.int64), "values from 25 to 25, .* The mask is 24"),
        (torch.full((2, 16), 24), torch.full((2,), 8), "labels: .* The null label, no condition, is 7"),
    ],
)
def test_what_the_network_cannot_read_is_refused(
    network: MaskGIT, tokens: torch.Tensor, classes: torch.Tensor, text: str
) -> None:
    with pytest.raises(InputError, match=text):
        network(tokens, torch.ones(2), classes)


def test_files_of_other_networks_and_heads_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    autoencoder(tmp_path / "vq.pt", codes=25)
    with pytest.raises(InputError, match=r"a file with model, steps, which are no tensors.*published for this"):
        load(tmp_path / "vq.pt")
    torch.save(torch.load(tmp_path / "vq.pt")["model"], tmp_path / "alone.pt")
    with pytest.raises(InputError, match=r"without cls_emb.weight, .*class-conditional Halton-MaskGIT transformer"):
        load(tmp_path / "alone.pt")
    with pytest.raises(InputError, match=r"heads: got none, .*unless the width is a published one: 384, 768, 1024"):
        load(TRANSFORMER)
    with pytest.raises(InputError, match=r"heads: got 5, expected a divisor of the width 32"):
        load(TRANSFORMER, heads=5)
    with pytest.raises(InputError, match=r"got 25 codes, expected 24, as .*maskgit.safetensors"):
        MaskGITFiles(TRANSFORMER, tmp_path / "vq.pt", heads=4).codec(CPU)
    torch.save({"model_state_dict": load_file(TRANSFORMER) | {"in_proj.weight": torch.ones(1)}}, tmp_path / "more.pth")
    with pytest.raises(InputError, match=r"got 1 unexpected: in_proj.weight, expected the 32 tensors"):
        load(tmp_path / "more.pth", heads=4)


def test_names_of_classes_come_from_a_file_with_one_for_each(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("\n".join("abcdefg"), encoding="utf-8")
    files = MaskGITFiles(TRANSFORMER, tmp_path / "vq.pt", 4, tmp_path / "names.txt")
    assert files.load(CPU, torch.float32).conditions[0].class_names == tuple("abcdefg")
    assert replace(files, classes=None).load(CPU, torch.float32).conditions[0].class_names[-1] == "6"
    (tmp_path / "names.txt").write_text("a\n\nb", encoding="utf-8")
    with pytest.raises(InputError, match=r"got 3 lines, 1 of them empty, expected 7 names"):
        files.load(CPU, torch.float32)


def test_a_study_draws_the_same_and_notices_other_weights(network: MaskGIT, tmp_path: Path) -> None:
    weights = tmp_path / "maskgit.pth"
    torch.save({"model_state_dict": load_file(TRANSFORMER)}, weights)
    files = MODELS.read(f"maskgit:{weights},decoder={tmp_path / 'vq.pt'},heads=4")
    adapted = opened(files, CPU, torch.float32)
    source = pickle.loads(pickle.dumps(PublishedSource(files, "maskgit", adapted.digest)))
    setting = Setting(Normalized(weight=2.0), Halton(4, shape=adapted.shape))
    labels = torch.arange(7)
    study = Study(source, (setting,), (0,), 9, {"label": labels}, batch_size=4)
    tokens = run(study, Store(tmp_path / "store"))[setting, 0].tokens
    options: dict[str, Any] = {"process": network.process, "length": 16, "condition": labels[torch.arange(9) % 7]}
    options |= {"guidance": setting.guidance, "sampler": setting.sampler, "batch_size": 4}
    assert torch.equal(tokens.long(), sample(network, **options).tokens)
    with pytest.raises(InputError, match="weights of maskgit: got others than at the start"):
        replace(source, checksum="0").open()
