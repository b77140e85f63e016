"""The antibody model: a network with its keys, small and random; and the real one, where its package is installed."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import torch
from published import published_keys
from torch.nn import functional

from dguide.adapters import antibodies
from dguide.adapters.antibody import CHAINS, RESIDUES, SPECIES, decode, encode, positions_of
from dguide.errors import InputError, MissingExtra

PAGE = Path(__file__).parents[2] / "docs" / "antibodies.md"
SHAPES = {
    name: [{2048: 96, 512: 64}.get(size, size) for size in shape]
    for name, shape in published_keys("antiberty pytorch_model.bin").items()
}
"""The published keys in a width of 64, which is one head."""
TRASTUZUMAB = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
RITUXIMAB = (
    "QVQLQQPGAELVKPGASVKMSCKASGYTFTSYNMHWVKQTPGRGLEWIGAIYPGNGDTSYNQKFKGKATLTADKSSSTAYMQLSSLTSEDSAVYYC"
    "ARSTYYGGDWYFNVWGAGTTVTVSA"
)


def state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    tensors = {name: torch.randn(shape, generator=generator) / 4 for name, shape in SHAPES.items()}
    return tensors | {"bert.embeddings.position_ids": torch.arange(64).unsqueeze(0)}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a package with these weights, in a version, before all others."""

    def install(tensors=None, told="0.1.3"):
        metadata = tmp_path / f"antiberty-{told}.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: antiberty\nVersion: {told}\n")
        if tensors is not None:
            file = tmp_path / "antiberty" / "trained_models" / "AntiBERTy_md_smooth" / "pytorch_model.bin"
            file.parent.mkdir(parents=True)
            torch.save(tensors, file)
        (tmp_path / "antiberty").mkdir(exist_ok=True)
        (tmp_path / "antiberty" / "__init__.py").write_text("raise RuntimeError('its code was run')\n")
        monkeypatch.syspath_prepend(tmp_path)

    return install


class ByHand:
    """BERT with one head, written out."""

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        self.weights = weights

    def linear(self, x, name):
        return functional.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def norm(self, x, name):
        return functional.layer_norm(x, (64,), self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], 1e-12)

    def states(self, ids):
        inputs, tables = "bert.embeddings", self.weights
        x = tables[f"{inputs}.word_embeddings.weight"][ids] + tables[f"{inputs}.token_type_embeddings.weight"][0]
        x = self.norm(x + tables[f"{inputs}.position_embeddings.weight"][: ids.shape[1]], f"{inputs}.LayerNorm")
        for layer in range(8):
            name = f"bert.encoder.layer.{layer}"
            query, key, value = (self.linear(x, f"{name}.attention.self.{each}") for each in ("query", "key", "value"))
            mixed = torch.softmax(query @ key.transpose(1, 2) / 8, -1) @ value
            x = self.norm(
                x + self.linear(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
            )
            inner = functional.gelu(self.linear(x, f"{name}.intermediate.dense"))
            x = self.norm(x + self.linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        return x

    def logits(self, states):
        head = "cls.predictions.transform"
        hidden = self.norm(functional.gelu(self.linear(states, f"{head}.dense")), f"{head}.LayerNorm")
        return self.linear(hidden, "cls.predictions.decoder")

    def told(self, states, head):
        return self.linear(torch.tanh(self.linear(states[:, 0], "bert.pooler.dense")), f"cls.{head}").softmax(-1)


def test_logits_species_and_chains_are_those_of_the_network_around_the_sequence(installed):
    """[CLS] 2 before it, [SEP] 3 behind it, the mask 4, and the first amino acid 5."""
    weights = state()
    installed(weights)
    model, network = antibodies(), ByHand(weights)
    tokens = encode(["ACDY_", "WW_KA"])
    states = network.states(torch.tensor([[2, 5, 6, 7, 24, 4, 3], [2, 23, 23, 4, 13, 5, 3]]))
    found = model.denoiser(tokens, torch.ones(2), None)
    assert torch.allclose(found, network.logits(states)[:, 1:-1, 5:], atol=1e-3)
    for head, told, names in (("species", model.species(tokens), SPECIES), ("chain", model.chains(tokens), CHAINS)):
        assert told.shape == (2, len(names))
        assert torch.allclose(told, network.told(states, head), atol=1e-4)
    assert (model.process.vocab_size, model.process.noise_token) == (20, 20)
    with pytest.raises(InputError, match="got 63 amino acids, expected at most 62"):
        model.species("A" * 63)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"cls.species.weight": None}, "1 missing: cls.species.weight"),
        ({"more": torch.zeros(2)}, "1 unexpected: more"),
        ({"cls.chain.bias": torch.zeros(3)}, r"1 of another shape: cls.chain.bias \[3\] instead of \[2\]"),
        ({"bert.embeddings.word_embeddings.weight": torch.zeros(25, 65)}, "a network of width 65"),
        ({"bert.embeddings.word_embeddings.weight": None}, "tensors without bert.embeddings.word_embeddings.weight"),
    ],
)
def test_a_file_of_another_network_is_refused(installed, change, expected):
    installed({name: each for name, each in (state() | change).items() if each is not None})
    with pytest.raises(InputError, match=expected):
        antibodies()


def test_a_package_without_the_weights_is_refused(installed):
    installed()
    with pytest.raises(InputError, match=r"no file .*Install it again: pip install antiberty==0\.1\.3"):
        antibodies()


def test_another_version_is_refused(installed):
    installed(told="1.0.0")
    with pytest.raises(InputError, match=r"got version 1\.0\.0, expected 0\.1\.3"):
        antibodies()


def test_without_the_package_the_error_names_the_command(monkeypatch):
    monkeypatch.setattr(sys, "path", [each for each in sys.path if not any(Path(each).glob("antiberty-*"))])
    with pytest.raises(MissingExtra, match=re.escape("pip install 'dguide[antibodies]'")):
        antibodies()


def test_sequences_and_tokens():
    assert decode(encode([RESIDUES, RESIDUES[::-1]])) == [RESIDUES, RESIDUES[::-1]]
    with pytest.raises(InputError, match=r"sequence AXB: got B X.*\n.*lengths 2, 3"):
        encode(["AXB", "AC"])
    with pytest.raises(InputError, match="got values from 2 to 21"):
        decode(torch.tensor([[21, 2]]))
    assert positions_of(["GF", "Y"], "AGFAY").tolist() == [False, True, True, False, True]
    with pytest.raises(InputError, match=r"'W': got no place(.|\n)*'A': got several places"):
        positions_of(["W", "A"], "AGFAY")


def there() -> bool:
    try:
        return version("antiberty") == "0.1.3"
    except PackageNotFoundError:
        return False


@pytest.mark.skipif(not there(), reason="antiberty 0.1.3 is not installed: pip install 'dguide[antibodies]'")
def test_the_real_model_knows_antibodies_and_the_page_runs__needs_the_package_antiberty():
    model = antibodies()
    species, chains = model.species([TRASTUZUMAB]), model.chains([TRASTUZUMAB])
    assert float(species[0, SPECIES.index("human")]) > 0.9
    assert float(model.species([RITUXIMAB])[0, SPECIES.index("mouse")]) > 0.9
    assert float(chains[0, CHAINS.index("heavy")]) > 0.9
    tokens = encode(TRASTUZUMAB)
    hidden = tokens.clone()
    hidden[:, ::4] = model.process.noise_token
    best = model.denoiser(hidden, torch.ones(1), None).argmax(-1)
    assert int((best == tokens)[:, ::4].sum()) >= 25  # of 30
    names: dict[str, object] = {"__name__": "page"}
    for body in re.findall(r"^```py\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        exec(compile(body, str(PAGE), "exec", dont_inherit=True), names)
    assert "designs" in names
