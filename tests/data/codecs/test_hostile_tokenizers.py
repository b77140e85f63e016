"""Files that end the library `tokenizers` itself: found by changing valid ones at random."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from processes import python
from tokenizers import Tokenizer, models, pre_tokenizers

from dguide.data import CODECS, Tokenised, load
from dguide.data.bounded import refused
from dguide.data.codecs import tokenised
from dguide.errors import InputError

VALID = json.loads(Tokenizer(models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]")).to_str())
DOUBLED = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
HOSTILE: dict[str, dict[str, Any]] = {
    "panic": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
    "abort": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "//////8="}},
    "panic in a word": {"pre_tokenizer": {"type": "FixedLength", "length": 0}},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_file_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    text = json.dumps(VALID | HOSTILE[kind])
    (tmp_path / "tokenizer.json").write_text(text)
    lines = "".join(f"{x},{n % 2}\n" for n, x in enumerate("abababab"))
    (tmp_path / "x.csv").write_text("text,kind\n" + lines)
    # in another process, which the library would end
    name = f"csv:{tmp_path / 'x.csv'},label=kind,tokenizer={tmp_path / 'tokenizer.json'}"
    done = python("-m", "dguide.cli", "data", name)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), done.stderr.decode()
    assert b"tokenizer: got" in done.stderr
    with pytest.raises(InputError, match="tokenizer"):  # as a checkpoint holds it
        CODECS.restore({CODECS.key: "tokenised", "tokenizer": text, "width": 4})


def test_a_word_that_would_fill_the_memory_ends_the_trial() -> None:
    endless = VALID | {"normalizer": {"type": "Sequence", "normalizers": [DOUBLED] * 50}}
    (why,) = refused(tokenised._TRIAL, [json.dumps(endless)], seconds=3)
    assert why in ("it takes more than 3 seconds", "it ends the process that reads it")


def test_a_panic_in_later_words_is_the_fault_of_these_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenised, "refused", lambda code, texts, **limits: [""] * len(texts))
    codec = Tokenised(json.dumps(VALID | HOSTILE["panic in a word"]), 4)
    assert "the tokenizer refuses it" in codec.find("a b").why
    (tmp_path / "tokenizer.json").write_text(codec.tokenizer)
    (tmp_path / "x.csv").write_text("text,kind\na,0\nb,1\n")
    with pytest.raises(InputError, match="nothing usable"):
        load(f"csv:{tmp_path / 'x.csv'},label=kind,tokenizer={tmp_path / 'tokenizer.json'}")
    strip = {"decoder": {"type": "Strip", "content": "a", "start": 9, "stop": 9}}
    with pytest.raises(InputError, match="tokenizer"):
        Tokenised(json.dumps(VALID | strip), 4).decode(torch.tensor([[0, 1, 0, 4]]))


def test_one_content_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(tokenised, "refused", lambda code, texts, **limits: calls.append(texts) or [""] * len(texts))
    made = Tokenizer(models.WordLevel({"once": 0, "tried": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    for width in (4, 5, 4):
        Tokenised(made.to_str(), width)
    assert len(calls) == 1


def test_large_files_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenised, "MOST_BYTES", 100)
    (tmp_path / "tokenizer.json").write_text(json.dumps(VALID))
    with pytest.raises(InputError, match=r"at most 100 bytes"):
        Tokenised.read(tmp_path / "tokenizer.json", 4)
    with pytest.raises(InputError, match=r"at most 100 bytes"):
        Tokenised(json.dumps(VALID), 4)
