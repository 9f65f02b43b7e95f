"""Wrong labels found in digits, Fashion-MNIST and photographs, beside each single score and kNN voting.

A known share of the labels is changed, to any other class (uniform) or to the next class (class), five times.
The features are of (a) a network that was trained on the changed labels themselves, and (b) networks that
never saw them. kNN voting is the share of the 10 nearest images, by cosine in the last layer, with another
label.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import product
from resource import RUSAGE_SELF, getrusage
from statistics import fmean

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.harness import Claim
from benchmarks.label_features import PART, BoolArray, IntArray, Layers, Noise, Source
from channelexplorer_dash.core.active import active_sets
from channelexplorer_dash.core.arrays import DoubleArray, chunks
from channelexplorer_dash.core.label_checks import CheckedRanking, checked_ranking, spot_check
from channelexplorer_dash.core.label_issues import WAYS, LabelIssues, LayerEvidence, label_issues
from channelexplorer_dash.core.label_scores import vote_shares
from channelexplorer_dash.core.neighbours import nearest_neighbours
from channelexplorer_dash.core.normalise import fit_scaling

SHARES, SEEDS, VOTERS = (0.05, 0.1, 0.2, 0.4), 5, 10
KINDS = ("uniform", "class")
IMAGES, CHANNELS, CLASSES = 50_000, 2048, 1000
OWN, LITE, MOBILE = "trained on the wrong labels", "efficientnet-lite0", "mobilenetv2"
CASES = (("digits", OWN), (PART, OWN), (PART, LITE), (PART, MOBILE), ("photos", LITE), ("photos", MOBILE))
AIMS = {("digits", OWN): 0.99, (PART, OWN): 0.96, (PART, LITE): 0.95, (PART, MOBILE): 0.95}
WHOLE, VOTE = "ensemble", "kNN voting"
SHOWN, CHECKED = "expected precision", "expected precision after the spot check"
CHECKS = 200
"""Labels in the spot check at most, as the page has it."""

TOTAL_WITHIN = 0.25
"""Share of the wrong labels by which their expected number may be off."""

WITHIN = 5.0
"""Points that the expected precision may be off."""

IN_MARGIN = 0.9
"""Share of runs in which it is to be off by no more than the page says."""

Row = dict[str, float]


def run(*, quick: bool) -> list[Claim]:
    """Measure; ``quick`` takes the digits, with one seed and 20 % wrong labels."""
    torch.set_num_threads(1)
    source = Source()
    cases = [case for case in CASES if source.has(case[0])][: 1 if quick else None]
    claims: list[Claim] = []
    for dataset, features in cases:
        rows = {
            (kind, share): _mean(_measured(source, dataset, features, kind, share, 1 if quick else SEEDS))
            for kind in KINDS
            for share in (SHARES if not quick else (0.2,))
        }
        _show(dataset, features, rows)
        claims += _claims(f"{dataset}, {features}", AIMS.get((dataset, features)), rows)
    return claims + ([] if quick else _sized())


def _sized() -> list[Claim]:
    """Measure one layer of 50,000 images × 2,048 channels in 1,000 classes, a tenth of them wrong."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, IMAGES)
    centres = rng.random((CLASSES, CHANNELS), dtype=np.float32)
    S = np.empty((IMAGES, CHANNELS), np.float32)
    for part in chunks(IMAGES, 4 * CHANNELS):
        S[part] = rng.random(S[part].shape, dtype=np.float32)
        S[part] += centres[labels[part]] / 2
    noisy = labels.copy()
    wrong = rng.permutation(IMAGES)[: IMAGES // 10]
    noisy[wrong] = (noisy[wrong] + rng.integers(1, CLASSES, len(wrong))) % CLASSES
    evidence = LayerEvidence("wide", S, active_sets(S, 0.2, fit_scaling(S, "minmax")))
    before, began = getrusage(RUSAGE_SELF).ru_maxrss, time.perf_counter()
    label_issues([evidence], noisy)
    seconds, more = time.perf_counter() - began, (getrusage(RUSAGE_SELF).ru_maxrss - before) / 1024
    size = f"{IMAGES:,} × {CHANNELS:,}, {CLASSES:,} classes"
    return [
        Claim(f"{size}: seconds a layer", seconds, 120.0, "lower"),
        Claim(f"{size}: MB at peak beyond S", more, 2000.0, "lower"),
    ]


def _measured(
    source: Source, dataset: str, features: str, kind: str, share: float, seeds: int
) -> Iterator[Row]:
    truth = source.labels(dataset)
    for seed in range(seeds):
        noise = Noise(share, "uniform" if kind == "uniform" else "class", seed)
        noisy, wrong = noise.flipped(truth)
        layers = (
            source.by_network_of(dataset, noise) if features == OWN else source.by_model(dataset, features)
        )
        yield _row(layers, noisy, wrong)


def _row(layers: Layers, noisy: IntArray, wrong: BoolArray) -> Row:
    found = label_issues(
        (LayerEvidence(name, S, active_sets(S, 0.2, fit_scaling(S, "minmax"))) for name, S in layers.items()),
        noisy,
    )
    row: Row = {}
    scores = {WHOLE: found.score, VOTE: _voted(list(layers.values())[-1], noisy)}
    scores |= {" ".join(name): single for name, single in found.singles.items()}
    flips = int(wrong.sum())
    for name, score in scores.items():
        order = np.argsort(-score, kind="stable")
        row[f"{name} AUROC"] = float(roc_auc_score(wrong, score))
        row[f"{name} AP"] = float(average_precision_score(wrong, score))
        row[f"{name} P@n"] = float(wrong[order[:flips]].mean())
    return row | _shown(found, wrong)


def _shown(found: LabelIssues, wrong: BoolArray) -> Row:
    """Return by how much the expected precision is off, at a half of the flips and at all of them.

    After the spot check: a person has found of one label after the other whether it was flipped, until the
    page says that the expected precision is known, or asks for no more.
    """
    order = np.argsort(-found.score, kind="stable")
    flips = int(wrong.sum())
    row: Row = {"expected share": found.wrong}
    first, last = _before_and_after(found.chance[order], wrong[order])
    row["checks"] = last.checks
    for shown, ranking in ((SHOWN, first), (CHECKED, last)):
        row[f"{shown} total off"] = abs(float(ranking.chance.sum()) - flips) / flips
    for name, cut in _cuts(flips).items():
        true = row[f"true precision {name}"] = float(wrong[order[:cut]].mean())
        for shown, ranking in ((SHOWN, first), (CHECKED, last)):
            expected = row[f"{shown} {name}"] = float(ranking.precision[cut - 1])
            off = row[f"{shown} off {name}"] = abs(expected - true)
            row[f"{shown} in margin {name}"] = float(off <= ranking.margin[cut - 1])
    return row


def _before_and_after(chances: DoubleArray, wrong: BoolArray) -> tuple[CheckedRanking, CheckedRanking]:
    sample = spot_check(chances, CHECKS)
    first = ranking = checked_ranking(chances, [], [], sample)
    while not ranking.is_known and ranking.checks < len(sample):
        done = sample[: ranking.checks + 1]
        ranking = checked_ranking(chances, done, wrong[done], sample)
    return first, ranking


def _cuts(flips: int) -> dict[str, int]:
    return {"half": max(1, flips // 2), "all": flips}


def _voted(S: np.ndarray, noisy: IntArray) -> np.ndarray:
    near = nearest_neighbours(S, VOTERS, "cosine").indices
    return 1 - vote_shares(near, noisy, int(noisy.max()) + 1)[np.arange(len(noisy)), noisy]


def _mean(rows: Iterator[Row]) -> Row:
    gathered: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for name, value in row.items():
            gathered[name].append(value)
    return {name: fmean(values) for name, values in gathered.items()}


def _singles(row: Row, measure: str) -> list[float]:
    return [value for name, value in row.items() if name.endswith(measure) and name.split(" ")[1] in WAYS]


def _show(dataset: str, features: str, rows: Mapping[tuple[str, float], Row]) -> None:
    print(
        f"\n  {dataset}, features of {features}: AUROC, average precision, precision at the number of flips"
    )
    for (kind, share), row in rows.items():
        parts = [
            f"{name} " + " ".join(f"{row[f'{name} {measure}']:.3f}" for measure in ("AUROC", "AP", "P@n"))
            for name in (WHOLE, VOTE)
        ]
        single = _singles(row, "AUROC")
        parts.append(f"single scores AUROC {min(single):.3f} … {max(single):.3f}")
        parts.append(
            f"precision shown {row[f'{SHOWN} half']:.2f}, {row[f'{SHOWN} all']:.2f}, "
            f"true {row['true precision half']:.2f}, {row['true precision all']:.2f}, "
            f"points off {_gap(row, SHOWN, 'half'):+.1f}, {_gap(row, SHOWN, 'all'):+.1f}, "
            f"after {row['checks']:.0f} checks {_gap(row, CHECKED, 'half'):+.1f}, "
            f"{_gap(row, CHECKED, 'all'):+.1f}"
        )
        print(f"  {kind:8}{share:5.0%}  " + " | ".join(parts), flush=True)


def _claims(title: str, aim: float | None, rows: Mapping[tuple[str, float], Row]) -> list[Claim]:
    typical = rows["uniform", 0.2]
    beside = typical[f"{VOTE} AUROC"]
    above = min(
        row[f"{WHOLE} {measure}"] - min(_singles(row, measure))
        for row in rows.values()
        for measure in ("AUROC", "AP", "P@n")
    )
    claims = [
        Claim(f"{title}: AUROC at 20 % uniform", typical[f"{WHOLE} AUROC"], aim or beside, "higher"),
        Claim(f"{title}: least lead over the worst single score in any row", above, 0.0, "higher"),
    ]
    for shown, what in ((SHOWN, "as computed"), (CHECKED, "after the spot check")):
        off = fmean(row[f"{shown} total off"] for row in rows.values())
        claims.append(
            Claim(f"{title}: share by which the expected number is off, {what}", off, TOTAL_WITHIN, "lower")
        )
    for shown, where in product((SHOWN, CHECKED), ("half", "all")):
        points = fmean(100 * row[f"{shown} off {where}"] for row in rows.values())
        within = fmean(abs(_gap(row, shown, where)) <= WITHIN for row in rows.values())
        inside = fmean(row[f"{shown} in margin {where}"] for row in rows.values())
        cut = "half the flips" if where == "half" else "the number of flips"
        claims += [
            Claim(f"{title}: share of runs with {shown} in its margin at {cut}", inside, IN_MARGIN, "higher"),
            Claim(f"{title}: points that the {shown} is off at {cut}", points, WITHIN, "lower"),
            Claim(f"{title}: share of rows with {shown} within {WITHIN:.0f} at {cut}", within, 1.0, "higher"),
        ]
    return claims


def _gap(row: Row, shown: str, where: str) -> float:
    """Return by how many points the expected precision is above the true one, both as means of the seeds."""
    return 100 * (row[f"{shown} {where}"] - row[f"true precision {where}"])
