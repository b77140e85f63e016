from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from dguide.data import Tokenised, codec, describe_codec, load

TEXTS = [f"wafer {n} has a {'ring' if n % 2 else '傷 scratch'}" for n in range(20)]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level tokenizer that would add special tokens, cut and pad if it were let."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["[CLS]", "[PAD]"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet)
    )
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 0)])
    made.enable_padding(length=64, pad_id=1, pad_token="[PAD]")
    made.enable_truncation(3)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    made.save(str(path))
    return path


def test_what_is_encoded_is_decoded(path: Path) -> None:
    words = Tokenised.read(path, 40)
    rows = torch.tensor([words.encode(text) for text in TEXTS])
    assert rows.shape == (20, 40)
    assert words.decode(rows) == TEXTS
    assert words.vocab_size == words.words + 2
    assert int(rows.max()) == words.vocab_size - 1  # padding
    assert ((rows == words.words).sum(1) == 1).all()  # one end


def test_it_survives_the_way_through_json(path: Path) -> None:
    words = Tokenised.read(path, 40)
    again = codec(json.loads(json.dumps(describe_codec(words))))
    assert again == words
    assert isinstance(again, Tokenised)
    assert again.encode(TEXTS[3]) == words.encode(TEXTS[3])


def test_padding_inside_is_left_out_and_no_end_is_the_last_token(path: Path) -> None:
    words = Tokenised.read(path, 6)
    a, b = words.library.token_to_id("a"), words.library.token_to_id("b")
    rows = [[a, words.words + 1, b, words.words, a, a], [a, b, a, b, a, b]]
    assert words.decode(torch.tensor(rows)) == ["ab", "ababab"]


def test_a_table_can_be_read_in_its_words(path: Path, tmp_path: Path) -> None:
    lines = "".join(f"{text},{n % 2}\n" for n, text in enumerate(TEXTS))
    (tmp_path / "x.csv").write_text("text,kind\n" + lines, encoding="utf-8")
    load.cache_clear()
    data = load(f"csv:{tmp_path / 'x.csv'},label=kind,tokenizer={path}")
    assert isinstance(data.codec, Tokenised)
    texts = data.codec.decode(torch.cat((data.train.tokens, data.held_out.tokens)))
    assert sorted(texts) == sorted(TEXTS)
    with (tmp_path / "x.csv").open("a", encoding="utf-8") as file:
        file.write("ring wafer ring wafer ring wafer ring wafer,1\n")
    short = load(f"csv:{tmp_path / 'x.csv'},label=kind,tokenizer={path},length={data.length}")
    assert [each.what for each in short.skipped] == ["x.csv:22"]
    assert "tokens, more than" in short.skipped[0].why


def test_what_is_no_tokenizer_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"version": "1.0"}')
    for file in (tmp_path / "bad.json", tmp_path / "none.json"):
        with pytest.raises(ValueError, match="tokenizer"):
            Tokenised.read(file, 8)
    with pytest.raises(ValueError, match="at least 2"):
        Tokenised.read(path, 1)
    with pytest.raises(ValueError, match=r"words.*at most 2"):
        Tokenised.read(path, 3).encode("a b c d e f g h")
