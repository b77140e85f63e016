"""What a comparison says, in two languages."""

from __future__ import annotations

from collections.abc import Mapping

from ..report import words

__all__ = ["FIGURES", "WORDS", "figure_name"]

FIGURES: Mapping[str, str] = {
    "accuracy on the asked class": "指定クラスの正解率",
    "accuracy": "正解率",
    "Fréchet distance": "フレシェ距離",
    "kernel distance": "カーネル距離",
    "precision": "適合率",
    "recall": "再現率",
    "density": "密度",
    "coverage": "被覆率",
    "diversity within a class": "クラス内の多様性",
    "copies of training images": "学習画像の複製の割合",
    "near a training image": "学習画像に近い画像の割合",
    "distance to the nearest training image": "最も近い学習画像までの距離",
    "validity": "妥当な分子の割合",
    "unique": "重複のない割合",
    "novel": "新規の割合",
}
"""Names of figures in Japanese. A figure that is not here keeps its name."""

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "better": "{setting} beats {baseline} by {low} to {high} in {figure} ({sure}), {cost}.",
        "same cost": "at no extra cost",
        "other cost": "with {calls} network calls a batch instead of the {usual} of {baseline}",
        "also": "Better than {baseline} too: {others}.",
        "price": "But it is worse in {figure}, by {low} to {high} ({sure}).",
        "keep": "Keep {baseline}: every other setting is worse in {figure}, by at least {low} ({sure}).",
        "worse": "No setting beats {baseline} in {figure} ({sure}). Worse: {others}.",
        "nothing": "No difference found in {figure} ({sure}).",
        "detect": "With {samples} samples such a comparison finds a difference of {found} in {power} of 100 tries. To "
        "detect {size} you need {needed} samples.",
        "limited": "This figure takes at most as many samples as there are held-out data, so that you need as many of "
        "these too.",
        "unknown": "The differences in {figure} have no interval here, so that they say nothing. Take more samples.",
        "undirected": "Neither direction of {figure} is better, so that it cannot decide. Choose another figure.",
        "tuned": "The best of {count} settings is {setting}. In the search its {figure} was {searched}, which is too "
        "good, since the best of many was lucky too. On fresh seeds it is {fresh} ({low} to {high}, 95 %).",
        "kept": "None of {count} settings was better than {baseline} in the search.",
        "one": "{level}",
        "all": "{level} for all {count} comparisons together",
        "and": ", ",
    },
    "ja": {
        "better": "{setting} は {baseline} よりも{figure}が {low} ～ {high} 優れています（{sure}）。{cost}。",
        "same cost": "追加の計算コストはありません",
        "other cost": "ネットワークの呼び出しは 1 バッチあたり {calls} 回です（{baseline} は {usual} 回）",
        "also": "ほかに {baseline} より優れている設定は次のとおりです：{others}。",
        "price": "ただし、{figure}は {low} ～ {high} 劣ります（{sure}）。",
        "keep": "{baseline} の使用をお勧めします。ほかの設定はすべて{figure}が {low} 以上劣ります（{sure}）。",
        "worse": "{figure}で {baseline} より優れた設定は見つかりませんでした（{sure}）。劣る設定：{others}。",
        "nothing": "{figure}に差は見つかりませんでした（{sure}）。",
        "detect": "{samples} サンプルでは、{found} の差を 100 回中 {power} 回の割合で検出できます。"
        "{size} の差を検出するには {needed} サンプルが必要です。",
        "limited": "この指標で使うサンプルの数は評価用データの数までです。そのため、評価用データも同じ数だけ必要です。",
        "unknown": "{figure}の差には信頼区間がないため、判断できません。サンプルを増やしてください。",
        "undirected": "{figure}は大小どちらが良いか決まっていないため、判断に使えません。ほかの指標を選んでください。",
        "tuned": "{count} 個の設定のうち最良のものは {setting} です。探索での{figure}は {searched} でしたが、"
        "多数の中の最良値なので実力より良く見えます。新しいシードでは {fresh} です（95 % 信頼区間：{low} ～ {high}）。",
        "kept": "探索した {count} 個の設定に、{baseline} より良いものはありませんでした。",
        "one": "信頼水準 {level}",
        "all": "比較 {count} 件全体の信頼水準 {level}",
        "and": "、",
    },
}
"""Sentences by language and key."""


def figure_name(name: str, language: str) -> str:
    """The name of a figure in a language.

    >>> figure_name("recall", "ja")
    '再現率'
    """
    _ = words(WORDS, language)  # an unknown language is refused
    return FIGURES.get(name, name) if language == "ja" else name
