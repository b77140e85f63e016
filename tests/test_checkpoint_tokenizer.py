"""A model whose tokens are codes of a tokenizer carries it, and takes no other."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dguide import checkpoint, tokenizers
from dguide.data import CODECS, CONDITIONS, Label, Learnt
from dguide.errors import InputError
from dguide.nn import DiffusionTransformer
from dguide.process import PROCESSES, Masked
from tests.tokenizers import test_vq
from tests.tokenizers.small_tokenizers import pictures, tiny


def saved_tokenizer(path: Path, shift: float = 0.0) -> tokenizers.LearntTokenizer:
    tokenizer = tiny()
    with torch.no_grad():
        next(iter(tokenizer.network.parameters())).add_(shift)
    tokenizers.save(path, tokenizer)  # which makes the digest anew when it is loaded
    loaded = tokenizers.load(path)
    assert isinstance(loaded, tokenizers.LearntTokenizer)
    return loaded


@pytest.fixture
def trained(tmp_path: Path) -> tuple[DiffusionTransformer, checkpoint.Config]:
    codec = Learnt.of(saved_tokenizer(tmp_path / "codes"), tmp_path / "codes")
    process = Masked(codec.vocab_size)
    model = DiffusionTransformer(
        codec.vocab_size, 2, codec.length, input_size=process.input_size, shape=codec.shape, width=8, layers=1, heads=2
    )
    config = checkpoint.Config(
        network=model.hyperparameters,
        process=PROCESSES.describe(process),
        data="images:parts,tokenizer=codes",
        codec=CODECS.describe(codec),
        conditions=[CONDITIONS.describe(Label(("good", "bad")))],
        synthetic=False,
        command="dguide train",
        seed=0,
        steps=1,
        validation_bits=1.0,
        test_bits=None,
        test_error=None,
        version="0.1.0",
    )
    return model, config


def test_a_model_that_is_moved_has_its_tokenizer(tmp_path: Path, trained: tuple) -> None:
    """Also when the folder of the tokenizer is gone, and after it was saved twice."""
    tokens = torch.arange(24).reshape(1, -1)
    expected = tokenizers.load(tmp_path / "codes").decode(tokens)
    for _ in range(2):
        checkpoint.save(tmp_path / "it", *trained)
    shutil.rmtree(tmp_path / "codes")
    (tmp_path / "it").rename(tmp_path / "moved")
    codec = checkpoint.load(tmp_path / "moved").codec
    assert isinstance(codec, Learnt)
    assert torch.equal(codec.decode_pictures(tokens), expected)
    assert sorted(path.name for path in (tmp_path / "moved").iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer",
    ]


@pytest.mark.parametrize("kind", ["of dguide", pytest.param("of diffusers", marks=test_vq.needs_diffusers)])
def test_only_what_a_tokenizer_reads_is_copied(tmp_path: Path, trained: tuple, kind: str) -> None:
    """The folder of a tokenizer may hold weights in half precision, or the notes of a training run."""
    folder, own = tmp_path / "codes", {"tokenizer.json", "tokenizer.safetensors"}
    if kind == "of diffusers":
        folder, own = tmp_path / "vqvae", {test_vq.CONFIG, test_vq.WEIGHTS}
        test_vq.saved(folder)
    for name in own:
        shutil.copyfile(folder / name, folder / f"{Path(name).stem}.fp16{Path(name).suffix}")
    codec = CODECS.describe(Learnt.of(tokenizers.load(folder), folder))
    checkpoint.save(tmp_path / "it", trained[0], replace(trained[1], codec=codec))
    assert {path.name for path in (tmp_path / "it" / "tokenizer").iterdir()} == own
    assert tokenizers.load(tmp_path / "it" / "tokenizer").digest == tokenizers.load(folder).digest


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path, trained: tuple) -> None:
    checkpoint.save(tmp_path / "it", *trained)
    other = saved_tokenizer(tmp_path / "other", shift=0.5)
    some = pictures(4, other)
    assert not torch.equal(other.encode(some), tokenizers.load(tmp_path / "codes").encode(some))
    shutil.rmtree(tmp_path / "it" / "tokenizer")
    with pytest.raises(InputError, match="tokenizer"):
        checkpoint.load(tmp_path / "it")
    shutil.copytree(tmp_path / "other", tmp_path / "it" / "tokenizer")
    with pytest.raises(InputError, match=f"tokenizer .*{other.digest[:12]}.*expected"):
        checkpoint.load(tmp_path / "it")
    checkpoint.save(tmp_path / "it", *trained)
    assert checkpoint.load(tmp_path / "it").codec == CODECS.restore(trained[1].codec)
    with pytest.raises(InputError, match=r"expected .*the one that made the tokens"):
        checkpoint.save(
            tmp_path / "new",
            trained[0],
            replace(trained[1], codec={**trained[1].codec, "folder": str(tmp_path / "other")}),
        )
    assert not (tmp_path / "new").exists()
