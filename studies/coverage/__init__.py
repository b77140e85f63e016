"""How often the intervals of the reports contain the truth, figure by figure, in simulations whose truth is known.

    python -m studies.coverage                  # all cases, 1,000 draws each; an hour or two of one core
    python -m studies.coverage --only Fréchet   # the cases whose figure or setting contains the text
    python -m studies.coverage --quick          # 100 draws each; prints, and writes nothing

The results are in studies/results/coverage.json, from which the table of docs/intervals.md is written. A module of this
folder with a tuple `CASES` takes part.
"""
