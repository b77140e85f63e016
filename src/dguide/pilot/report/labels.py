"""The words of the page itself."""

from __future__ import annotations

__all__ = ["LABELS"]

LABELS = {
    "en": {
        "answer": "Answer",
        "go": "Go",
        "no-go": "No-go",
        "not-yet": "Not yet",
        "neutral": "Result",
        "question": "Question",
        "facts": "The numbers that decide",
        "money": "Money",
        "steps": "What to do next",
        "evidence": "Evidence",
        "contents": "Sections of the evidence",
        "notes": "What this leaves out",
        "settings": "How this was made",
        "values": "Values of the chart",
        "dark": "Dark",
        "light": "Light",
        "switch": "Switch to dark or light colours",
        "more": "Show all {count} rows",
        "fewer": "Show fewer rows",
        "sort": "Sort by {column}",
        "highlight": "Marked row: matters most",
    },
    "ja": {
        "answer": "結論",
        "go": "実施を推奨",
        "no-go": "見送りを推奨",
        "not-yet": "判断保留",
        "neutral": "結果",
        "question": "検討した問い",
        "facts": "判断の決め手となる数値",
        "money": "費用と効果",
        "steps": "次に行うこと",
        "evidence": "根拠",
        "contents": "根拠の一覧",
        "notes": "留意事項",
        "settings": "作成方法",
        "values": "グラフの値",
        "dark": "暗い配色",
        "light": "明るい配色",
        "switch": "明るい配色と暗い配色を切り替えます",
        "more": "{count} 行すべてを表示",
        "fewer": "表示する行を減らす",
        "sort": "{column} で並べ替え",
        "highlight": "印の付いた行は特に重要です",
    },
}
"""Sentences by language and key, for `words`."""
