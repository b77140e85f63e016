from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from dguide.data import CODECS, Tokenised, load
from tests.data.loaders import whole

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
    again = CODECS.restore(json.loads(json.dumps(CODECS.describe(words))))
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
    data = load(f"csv:{tmp_path / 'x.csv'},label=kind,tokenizer={path}")
    assert isinstance(data.codec, Tokenised)
    texts = data.codec.decode(whole(data).tokens)
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


def table(path: Path, *texts: str) -> Path:
    path.write_text("text,kind\n" + "".join(f"{text},{n % 2}\n" for n, text in enumerate(texts)), encoding="utf-8")
    return path


def stored(path: Path, model: Any, normalizer: Any = None, splitter: Any = None) -> Path:
    made = Tokenizer(model)
    made.normalizer = normalizer
    made.pre_tokenizer = splitter or pre_tokenizers.Whitespace()
    made.save(str(path))
    return path


PAIR = [("a", "b")]
MODELS = {
    "unknown": models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]"),
    "unknown-missing": models.WordLevel({"a": 0, "b": 1}, unk_token="[UNK]"),
    "pairs": models.BPE({"a": 0, "b": 1, "ab": 2}, PAIR),
    "pairs-unknown": models.BPE({"a": 0, "b": 1, "ab": 2, "<u>": 3}, PAIR, unk_token="<u>", fuse_unk=True),
    "pieces": models.WordPiece({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]"),
    "unigrams": models.Unigram([("<unk>", 0.0), ("a", -1.0), ("b", -1.0)], unk_id=0),
    "unigrams-missing": models.Unigram([("a", -1.0), ("b", -1.0)]),
}


@pytest.mark.parametrize("kind", MODELS)
def test_words_outside_the_vocabulary_are_left_out_and_listed(tmp_path: Path, kind: str) -> None:
    """Whether the tokenizer would put one word for all of them, say nothing at all, or raise an error."""
    words = stored(tmp_path / "t.json", MODELS[kind])
    texts = [" ".join(letters) for letters in itertools.product("ab", repeat=4)][:12]
    data = load(f"csv:{table(tmp_path / 'x.csv', *texts, 'a zzz b')},label=kind,tokenizer={words}")
    assert len(whole(data)) == 12
    assert [each.what for each in data.skipped] == ["x.csv:14"]
    reason = "tokenizer refuses it" if "missing" in kind else "a word outside the vocabulary: 'zzz'"
    assert reason in data.skipped[0].why
    with pytest.raises(ValueError, match=r"a zzz b.*words that the tokenizer knows"):
        data.codec.encode("a zzz b")  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"nothing usable \(1 left out: x.csv:2"):
        load(f"csv:{table(tmp_path / 'x.csv', 'a zzz')},label=kind,tokenizer={words}")
    with pytest.raises(ValueError, match="nothing usable"):
        load(f"csv:{table(tmp_path / 'x.csv')},label=kind,tokenizer={words}")


def test_what_a_tokenizer_is_made_to_leave_out_or_to_join_is_no_unknown_word(tmp_path: Path) -> None:
    vocabulary = models.WordLevel({"é": 0, "e": 1, "가": 2, "[UNK]": 3}, unk_token="[UNK]")
    joined = Tokenised.read(stored(tmp_path / "a.json", vocabulary, normalizers.NFC()), 8)
    assert joined.find("e\u0301 \u1100\u1161").tokens == [0, 2]
    assert not joined.find("e\u0301 \u1100\u1161").why
    bare = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    stripped = Tokenised.read(stored(tmp_path / "b.json", vocabulary, bare), 8)
    assert (stripped.find("e\u0301").tokens, stripped.find("e\u0301").why) == ([1], "")
    divided = Tokenised.read(stored(tmp_path / "c.json", vocabulary, splitter=pre_tokenizers.Split(",", "removed")), 8)
    assert (divided.find("e,e").tokens, divided.find("e,e").why) == ([1, 1], "")


def test_numbers_of_words_may_have_gaps(tmp_path: Path) -> None:
    words = stored(tmp_path / "t.json", models.WordLevel({"a": 0, "b": 3, "c": 7}, unk_token="[UNK]"))
    codec = Tokenised.read(words, 4)
    assert codec.vocab_size == 10
    assert codec.encode("c b") == [7, 3, 8, 9]
    assert codec.decode(torch.tensor([codec.encode("c b"), [0, 5, 3, 8]])) == ["c b", "a b"]


def test_smiles_that_rdkit_rejects_are_left_out_whatever_the_tokens_are(tmp_path: Path) -> None:
    words = stored(tmp_path / "t.json", models.BPE({"C": 0, "O": 1, "1": 2}, []))
    path = table(tmp_path / "x.csv", *map("".join, itertools.product("CO", repeat=3)), "C1CC")
    options = f"csv:{path},label=kind,tokenizer={words}"
    assert not load(options).skipped
    assert [each.why for each in load(f"{options},split=smiles").skipped] == ["RDKit rejects 'C1CC'"]
    assert load(f"{options},split=smiles").length == 4  # that of the longest that is kept
