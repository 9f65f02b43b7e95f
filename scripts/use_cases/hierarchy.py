"""Find which classes belong together: the hierarchy that a model has learned.

``python -m scripts.use_cases.hierarchy`` (with ``fashion`` or ``photos`` for one of the two) needs the images
and weights of ``make fashion`` and ``make photos``.

``fashion``: the tree of the ten classes of Fashion-MNIST, layer by layer, against the tree that a person
would draw. ``photos``: photographs, each labelled with the ImageNet class that the model takes it for,
against WordNet.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from channelexplorer_dash.core.active import active_sets
from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray
from channelexplorer_dash.core.hierarchy import class_linkage
from channelexplorer_dash.core.jaccard import class_jaccard
from channelexplorer_dash.core.newick import read_tree, to_newick
from channelexplorer_dash.core.normalise import fit_scaling
from channelexplorer_dash.core.sampling import stratified
from channelexplorer_dash.core.trees import (
    cophenetic_correlation,
    mantel,
    matched_nodes,
    reference_distances,
    tree_of_linkage,
)
from channelexplorer_dash.datasets.wordnet import imagenet_nodes, wordnet
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Answer, Pending
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import load_settings
from channelexplorer_dash.specs import DatasetSpec
from channelexplorer_dash.store import Kind, Store
from scripts.prepare import FASHION_TREE

ROOT = Path(__file__).resolve().parents[2]
FASHION, PHOTOS = ROOT / "data" / "fashion.toml", ROOT / "data" / "photos.toml"
FOOTWEAR = ("Sandal", "Sneaker", "Ankle boot")
TOPS = ("T-shirt/top", "Pullover", "Dress", "Coat", "Shirt")
SHARE = 0.2
"""The active share of the page, too."""
PER_CLASS = 60


MODELS = ("efficientnet-lite0", "mobilenetv2")
LIMIT_SECONDS = 600.0

T = TypeVar("T")


@dataclass(frozen=True)
class Layer:
    """One layer's hierarchy of classes, and how well it agrees with the known one.

    Attributes
    ----------
    depth
        0 for the first layer, 1 for the last.
    linkage
        float64 (K − 1, 4), of ``classes``.
    correlation
        Cophenetic correlation with the known tree.
    chance
        Share of random orders of the classes that agree as well (Mantel's test).
    """

    name: str
    depth: float
    classes: tuple[str, ...]
    linkage: DoubleArray
    correlation: float | None
    chance: float | None

    def newick(self) -> str:
        """Return the tree as text."""
        return to_newick(tree_of_linkage(self.linkage, self.classes))

    def apart(self, first: Sequence[str], second: Sequence[str]) -> bool:
        """Tell whether each of two sets of classes is joined with itself before any of it meets the other."""
        groups = [frozenset({name}) for name in self.classes]
        for row in self.linkage:
            groups.append(groups[int(row[0])] | groups[int(row[1])])
        one, other = (
            min((group for group in groups if group >= set(wanted)), key=len) for wanted in (first, second)
        )
        return not one & other


def fashion(per_class: int = PER_CLASS, seed: int = 0) -> tuple[Layer, ...]:
    """Return the hierarchy at every block, of a stratified sample of Fashion-MNIST's test images."""
    settings = load_settings([FASHION], environment=False)
    (dataset,) = settings.datasets
    with tempfile.TemporaryDirectory() as folder:
        part = _sampled(dataset, Path(folder), per_class, seed)
        with _explorer(FASHION, Path(folder), part) as explorer:
            view = View("fashion-resnet", part.name, top_fraction=SHARE)
            summaries = _summaries(explorer, view)
            labels = explorer.sample(view).labels
    names = part.class_names or ()
    tree = _fashion_distances(names)
    return _layers(summaries, labels, names, tree)


def photos(model: str) -> tuple[Layer, ...]:
    """Return the hierarchy at every block, of photographs labelled with the class that the model predicts."""
    with tempfile.TemporaryDirectory() as folder, _explorer(PHOTOS, Path(folder)) as explorer:
        view = View(model, "photos", top_fraction=SHARE)
        summaries = _summaries(explorer, view)
        rows = explorer.images(view, explorer.sample(view).image_ids.tolist())
    predicted = np.array([row.prediction for row in rows], np.int64)
    classes = np.unique(predicted)
    found = wordnet()
    nodes = [imagenet_nodes()[index] for index in classes]
    distances = reference_distances(found.tree, nodes)
    return _layers(summaries, predicted, tuple(found.classes[node] for node in nodes), distances)


def _layers(
    summaries: dict[str, FloatArray], labels: IntArray, names: tuple[str, ...], known: DoubleArray
) -> tuple[Layer, ...]:
    layers = []
    for position, (name, S) in enumerate(summaries.items()):
        sets = active_sets(S, SHARE, fit_scaling(S, "minmax"))
        linkage = class_linkage(class_jaccard(sets, labels, np.unique(labels)))
        depth = position / max(len(summaries) - 1, 1)
        r, chance = cophenetic_correlation(linkage, known), mantel(linkage, known)
        layers.append(Layer(name, depth, names, linkage, r, chance))
    return tuple(layers)


def _fashion_distances(names: tuple[str, ...]) -> DoubleArray:
    tree = read_tree(FASHION_TREE)
    return reference_distances(tree, [node for node in matched_nodes(tree, names) if node is not None])


def _sampled(dataset: DatasetSpec, folder: Path, per_class: int, seed: int) -> DatasetSpec:
    """Write a stratified part of the test images, which the model was not trained on, as a dataset."""
    assert dataset.path is not None
    with np.load(dataset.path) as arrays:
        images, labels = arrays["test_images"], arrays["test_labels"]
    rows = stratified(labels, per_class * len(np.unique(labels)), seed)
    np.savez(folder / "part.npz", images=images[rows], labels=labels[rows])
    return dataset.model_copy(update={"name": "fashion-part", "path": folder / "part.npz"})


@contextmanager
def _explorer(config: Path, folder: Path, dataset: DatasetSpec | None = None) -> Iterator[Explorer]:
    flags: dict[str, object] = {"store": folder / "store", "engine": "inline", "threads": _threads()}
    if dataset is not None:
        flags["datasets"] = (dataset,)
    explorer = Explorer(load_settings([config], flags=flags, environment=False))
    try:
        yield explorer
    finally:
        explorer.close()


def _threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS", "0"))


def _summaries(explorer: Explorer, view: View) -> dict[str, FloatArray]:
    """Return S of every block, in execution order, with the rows of the view's sample."""
    description = _settled(lambda: explorer.describe(view.model))
    layers = tuple(layer.name for layer in description.at("block"))
    keys = _settled(lambda: explorer.compute(view, layers, output=True))
    store, ids = Store(explorer.settings.store), explorer.sample(view).image_ids
    per_layer = len(explorer.settings.summaries)
    first = explorer.settings.summaries.index(view.summary)
    return {
        name: np.asarray(store.array(Kind.SUMMARY, keys[i * per_layer + first])[ids])
        for i, name in enumerate(layers)
    }


def _settled(ask: Callable[[], Answer[T]]) -> T:
    deadline = time.monotonic() + LIMIT_SECONDS
    while isinstance(answer := ask(), Pending):
        if time.monotonic() > deadline:
            raise SystemExit(f"{answer.job.label} took longer than {LIMIT_SECONDS:.0f} s.")
        time.sleep(0.05)
    return answer.value


def main() -> int:
    """Print what is found in both, or in the one that is named; return the exit status."""
    wanted = sys.argv[1:] or ["fashion", "photos"]
    if not set(wanted) <= {"fashion", "photos"}:
        print(__doc__, file=sys.stderr)
        return 2
    if "fashion" in wanted:
        found = fashion()
        print(
            f"Fashion-MNIST, {PER_CLASS} test images of each class, against the tree that a person would draw"
        )
        report(found, [layer.apart(FOOTWEAR, TOPS) for layer in found])
        print(found[-1].newick())
    for model in MODELS if "photos" in wanted else ():
        found = photos(model)
        print(f"Photographs as {model} sees them, {len(found[0].classes)} ImageNet classes, against WordNet")
        report(found)
    return 0


def report(layers: Sequence[Layer], apart: Sequence[bool] = ()) -> None:
    """Print a line for each layer."""
    for position, layer in enumerate(layers):
        figures = (
            f"r = {layer.correlation:5.2f}, p = {layer.chance:.3f}" if layer.correlation is not None else "—"
        )
        said = ("", "  footwear apart from tops")[apart[position]] if apart else ""
        print(f"  {layer.name:24} {figures}{said}")


if __name__ == "__main__":
    sys.exit(main())
