#!/usr/bin/env python3
"""Writes what SciPy says of a few samples: src/statistics/known_answers.json, against which the unit tests hold ours.

The interval of a confidence is the set of centres that the exact signed-rank test does not reject, found by asking
scipy.stats.wilcoxon just inside and just outside of each mean of two values.

    python3 -m venv venv && venv/bin/pip install scipy==1.17.1
    venv/bin/python scripts/known-answers.py
"""

import json
import pathlib
import random
import statistics

import scipy
from scipy.stats import wilcoxon

CONFIDENCES = [0.9, 0.95, 0.98, 0.99, 0.995]


def walsh(values):
    return sorted((one + other) / 2 for at, one in enumerate(values) for other in values[at:])


def interval(values, confidence):
    averages = walsh(values)
    gap = min(high - low for low, high in zip(averages, averages[1:])) / 4

    def is_rejected(centre):
        return wilcoxon([value - centre for value in values], method="exact").pvalue <= 1 - confidence

    if not is_rejected(averages[0] - gap):
        return None
    low = next(one for one in averages if not is_rejected(one + gap))
    high = next(one for one in reversed(averages) if not is_rejected(one - gap))
    return [low, high]


def sample(values):
    return {
        "values": values,
        "hodges_lehmann": statistics.median(walsh(values)),
        "intervals": [[confidence, interval(values, confidence)] for confidence in CONFIDENCES],
    }


def main():
    chance = random.Random(20261129)
    samples = []
    for count in [5, 6, 7, 8, 9, 10, 12, 15, 18, 27, 40]:
        values = [round(chance.gauss(0.02, 0.05), 6) for _ in range(count)]
        samples.append(sample(values))
    skewed = [round(chance.lognormvariate(0, 1), 6) for _ in range(14)]
    samples.append(sample(skewed))
    there = pathlib.Path(__file__).parent.parent / "src/statistics/known_answers.json"
    answers = {"scipy": scipy.__version__, "made_by": "scripts/known-answers.py", "samples": samples}
    there.write_text(json.dumps(answers, indent=1) + "\n")


main()
