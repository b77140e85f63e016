"""A tokenizer of words, called as those of transformers, and language models with the config of a family."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from families import Language

SPECIAL = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]", "<eot>")
PAD, UNK, CLS, SEP, MASK, EOT = range(6)
PLAIN = ("a", "the", "cat", "dog", "sat", "ran", "on", "mat", "user", "assistant", ":")
PLAIN = ("a", "the", "cat", "dog", "sat", "ran", "on", "mat", "user", "assistant", ":")
VOCAB = {word: number for number, word in enumerate((*SPECIAL, *PLAIN))}
COLUMNS = len(VOCAB) + 3
CONTEXT = 32


class Words:
    """Words between spaces are tokens; texts stand between [CLS] and [SEP], if `around`."""

    pad_token_id, unk_token_id, mask_token_id, eos_token_id = PAD, UNK, MASK, SEP
    all_special_ids = (PAD, UNK, CLS, SEP, MASK)

    def __init__(self, around: bool = True, template: bool = True) -> None:
        self.around, self.chat_template = around, "a template" if template else None

    def get_vocab(self) -> dict[str, int]:
        return VOCAB

    def get_added_vocab(self) -> dict[str, int]:
        return {"<eot>": EOT}

    def convert_ids_to_tokens(self, token: int) -> str:
        return list(VOCAB)[token]

    def decode(self, tokens: list[int], skip_special_tokens: bool = False) -> str:
        kept = (token for token in tokens if not (skip_special_tokens and token in self.all_special_ids))
        return " ".join(map(self.convert_ids_to_tokens, kept))

    def __call__(self, text: str, add_special_tokens: bool = True, truncation: bool = False) -> dict[str, list[int]]:
        ids = [VOCAB.get(word, UNK) for word in text.split()]
        return {"input_ids": [CLS, *ids, SEP] if self.around and add_special_tokens else ids}

    def apply_chat_template(
        self,
        messages: list[dict[str, str]],
        tokenize: bool = True,
        return_dict: bool = True,
        add_generation_prompt: bool = False,
        continue_final_message: bool = False,
    ) -> dict[str, list[int]]:
        if messages[0]["role"] not in ("user", "assistant"):
            raise RuntimeError("no such role")
        text = " ".join(f"{each['role']} : {each['content']} <eot>" for each in messages)
        text = text.removesuffix(" <eot>") if continue_final_message else text
        return self(text + " assistant :" * add_generation_prompt, add_special_tokens=False)


KINDS = {"llada": "LLaDAModelLM", "Dream": "DreamModel", "bert": "BertForMaskedLM"}


def language(kind: str = "llada", **config: Any) -> Language:
    """A model of a family with random weights; `config` changes its config."""
    model = Language(COLUMNS).eval()
    usual = {"mask_token_id": MASK, "max_position_embeddings": CONTEXT, "vocab_size": COLUMNS, "eos_token_id": SEP}
    model.config = SimpleNamespace(**(usual | {"model_type": kind, "architectures": [KINDS.get(kind, kind)]} | config))
    return model
