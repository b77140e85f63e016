"""The sentences of the report of a plain pilot, in English and Japanese, beside those of a comparison."""

from __future__ import annotations

__all__ = ["WORDS"]

WORDS = {
    "en": {
        "title": "{data}: does guidance help?",
        "question": "Does guidance help a model of {data}, and which setting is best? The figure that decides is "
        "{figure}; the samples are compared with the test part of the data.",
        "go": "Yes: guidance helps. Use {setting}, which is better than no guidance in {figure}.",
        "no-go": "No: guidance does not help. All its settings are worse than none in {figure}.",
        "not-yet": "Not decided: no setting of guidance is shown to be better than none in {figure}.",
        "step_use": "Sample with this setting: {command}",
        "step_look": "Look at the samples and at the other figures below before you do.",
        "step_keep": "Sample without guidance: {command}",
        "step_longer": "A model that has learnt for longer may answer otherwise: try a new folder and a longer --train.",
        "step_more": "Draw more samples with --count in the same folder: the answer says how many would tell.",
        "short": "Not decided: the model has learnt only {steps} steps, too few to judge guidance by its samples.",
        "step_short": "Train for longer: fewer than {least} steps teach a model little. Run again with a new folder and more "
        "minutes in --train.",
        "step_rare": "To learn whether generated examples make a classifier better: "
        "dguide pilot augment {data} --rare CLASS",
        "how": "How the model was trained",
        "how_text": "The model learnt {train} training examples in {steps} steps, and {validation} validation examples "
        "chose among its weights. It has {bits} bits per token of held-out data; fewer are better. Samples are told what "
        "the {test} test examples are told, in turn.",
        "one_model": "The intervals are about this model. Another training of it may give other differences.",
        "few": "The test part has only {count} examples. The intervals of some figures are wide for that reason.",
        "synthetic": "The data are synthetic: a program generated them.",
        "licence": "The data are under a licence: {licence}",
        "command": "command",
        "training": "training",
        "folder": "folder of the model",
    },
    "ja": {
        "title": "{data}：ガイダンスは有効か",
        "question": "{data} のモデルにガイダンスは有効ですか。また、最適な設定はどれですか。判断に使う指標は"
        "{figure}で、生成したサンプルを評価用データと比べます。",
        "go": "はい。ガイダンスは有効です。{setting} をお使いください。{figure}がガイダンスなしより優れています。",
        "no-go": "いいえ。ガイダンスは有効ではありません。どの設定も、{figure}がガイダンスなしより劣ります。",
        "not-yet": "まだ判断できません。{figure}がガイダンスなしより優れていると確認できた設定はありません。",
        "step_use": "この設定で生成してください：{command}",
        "step_look": "その前に、下記のサンプルとほかの指標も確認してください。",
        "step_keep": "ガイダンスなしで生成してください：{command}",
        "step_longer": "より長く学習したモデルでは結果が変わることがあります。"
        "新しいフォルダーを選び、--train の minutes を大きくしてください。",
        "step_more": "同じフォルダーで --count を増やしてください。必要な数は結論に示しています。",
        "short": "まだ判断できません。モデルの学習が {steps} ステップと少なく、サンプルからガイダンスの効果を評価できません。",
        "step_short": "モデルをより長く学習してください。{least} ステップ未満では、ほとんど学習できません。新しいフォルダーを選び、"
        "--train の minutes を大きくして、もう一度実行してください。",
        "step_rare": "生成画像で分類器の性能が向上するかを調べるには：dguide pilot augment {data} --rare CLASS",
        "how": "モデルの学習方法",
        "how_text": "モデルは、学習用データ {train} 件で {steps} ステップ学習しました。重みは検証用データ {validation} 件で選びました。"
        "評価用データで測った損失は、1 トークンあたり {bits} ビットです。小さいほど良い値です。"
        "サンプルは、評価用データ {test} 件と同じ条件を順に与えて生成しました。",
        "one_model": "信頼区間はこのモデルについてのものです。学習をやり直すと、差が変わることがあります。",
        "few": "評価用データは {count} 件だけです。そのため、一部の指標の信頼区間が広くなっています。",
        "synthetic": "データはプログラムで合成したものです。",
        "licence": "データには利用条件があります：{licence}",
        "command": "コマンド",
        "training": "学習",
        "folder": "モデルのフォルダー",
    },
}
"""Format strings by language and key, for `dguide.pilot.report.words`."""
