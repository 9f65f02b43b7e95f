"""Use case 2, mislabelled images found: ``python -m scripts.use_cases.labels``.

Gives a tenth of the demo's digits a wrong label that is known, trains the demo's network on all of these
labels, as one does who does not know of the mistakes, and looks for wrong labels with that network. Takes
about 20 seconds on one core, and nothing from the network. What it writes can be opened on the page with the
command that it prints.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import roc_auc_score

from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Ready
from channelexplorer_dash.results.images import LabelReview
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import load_settings
from scripts.prepare import DATA
from scripts.train_digits import RECIPE
from scripts.training import read, save, train

FOLDER = DATA / "use-cases" / "labels"
MODEL, DATASET, SETTINGS = "digits-of-wrong-labels", "digits-with-wrong-labels", "labels.toml"
SHARE, SEED = 0.1, 0

_DATASET = f"""[[datasets]]
name = "{DATASET}"
title = "1,797 digits, a tenth of them with a wrong label"
kind = "arrays"
path = "digits.npz"
model = "{MODEL}"
licence = "CC BY 4.0: E. Alpaydin and C. Kaynak, UCI Machine Learning Repository"
"""


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes
    ----------
    auroc
        Area under the ROC curve of finding the wrong labels.
    precision
        Share of wrong labels among as many images as there are wrong labels, from the top of the list.
    expected
        The same, as the page expects it without knowing which labels are wrong.
    corrected
        Share of the wrong labels for which the true one is proposed.
    wrong, expected_wrong
        How many labels are wrong, and how many are expected to be.
    """

    auroc: float
    precision: float
    expected: float
    corrected: float
    wrong: int
    expected_wrong: float


def prepare(folder: Path = FOLDER) -> npt.NDArray[np.int64]:
    """Write the dataset, the network trained on it, and the settings file; return the true labels."""
    folder.mkdir(parents=True, exist_ok=True)
    demo = load_settings([demo_settings_file()], environment=False)
    digits = open_dataset(demo.datasets[0], max_pixels=demo.max_image_pixels)
    noisy = digits.labels.copy()
    generator = np.random.default_rng(SEED)
    chosen = generator.permutation(len(noisy))[: round(SHARE * len(noisy))]
    noisy[chosen] = (noisy[chosen] + generator.integers(1, 10, len(chosen))) % 10
    images = np.stack([np.asarray(digits.image(i)) for i in range(len(digits))])
    np.savez(folder / "digits.npz", images=images, labels=noisy, class_names=np.array(digits.class_names))
    torch.set_num_threads(1)
    spec = demo.models[0]
    examples = replace(read(digits, spec, range(len(digits))), labels=torch.from_numpy(noisy))
    save(train(spec, examples, RECIPE), folder / "network.safetensors")
    models = demo_settings_file().read_text(encoding="utf-8").partition("[[datasets]]")[0]
    models = models.replace(spec.name, MODEL).replace("digits_resnet10t.safetensors", "network.safetensors")
    (folder / SETTINGS).write_text(models + _DATASET, encoding="utf-8")
    return digits.labels


def find(truth: npt.NDArray[np.int64], folder: Path = FOLDER) -> Finding:
    """Look for the wrong labels, as the page does."""
    flags = {"engine": "inline", "threads": 1, "store": folder / "store"}
    explorer = Explorer(load_settings([folder / SETTINGS], flags=flags, environment=False))
    try:
        review = _waited(explorer)
    finally:
        explorer.close()
    wrong = review.given != truth[review.image_ids]
    flips = int(wrong.sum())
    return Finding(
        auroc=float(roc_auc_score(wrong, review.score)),
        precision=float(wrong[:flips].mean()),
        expected=float(review.precision[flips - 1]),
        corrected=float((review.proposed == truth[review.image_ids])[wrong].mean()),
        wrong=flips,
        expected_wrong=review.expected_wrong,
    )


def _waited(explorer: Explorer) -> LabelReview:
    while True:
        answer = explorer.label_review(View(MODEL, DATASET))
        if isinstance(answer, Ready):
            return answer.value
        time.sleep(0.2)


def main() -> int:
    """Prepare, find, and say what was found."""
    found = find(prepare())
    first = f"of the first {found.wrong} of the list"
    print(
        f"{found.wrong} labels are wrong; {found.expected_wrong:.0f} are expected to be.",
        f"AUROC {found.auroc:.4f}; {first} {found.precision:.1%} are wrong ({found.expected:.1%} expected).",
        f"For {found.corrected:.1%} of the wrong labels the true one is proposed.",
        f"Look at them: channelexplorer serve --config {FOLDER / SETTINGS}",
        sep="\n",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
