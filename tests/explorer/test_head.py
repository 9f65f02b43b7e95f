"""NC3 and NC4 as the explorer answers with them, against plain loops over the model's own head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from channelexplorer_dash.core.sampling import stratified
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.models.build import BuiltModel, build
from channelexplorer_dash.models.registry import register_object
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import load_settings
from tests.explorer.conftest import settled

SHOWN = (0, 1, 4, 7, 9)
NAMES = tuple("9876543210")


class Small(nn.Module):
    """What its head takes in is no module's output."""

    def __init__(self, seed: int = 0, outputs: int = 10) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.body = nn.Conv2d(1, 12, 5, stride=2)
        self.head = nn.Linear(12, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.body(x)).mean((2, 3)))


class Soft(Small):
    """Its outputs are probabilities."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).softmax(1)


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """Return an explorer of toys on the digits, the outputs of one in another order."""
    flags = {"store": tmp_path_factory.mktemp("head") / "store", "engine": "inline", "measure_images": 60}
    settings = load_settings([demo_settings_file()], flags=flags, environment=False)
    common = {"preprocessing": {"input_size": (1, 32, 32), "mean": (0.3,), "std": (0.3,)}}
    modules = {"turned": Small(), "soft": Soft(), "strange": Small(1), "nameless": Small(2, 12)}
    names = {"turned": NAMES, "soft": NAMES, "strange": tuple("abcdefghij"), "nameless": ()}
    specs = [
        register_object(module, name, class_names=names[name], **common) for name, module in modules.items()
    ]
    made = Explorer(settings.model_copy(update={"models": (*settings.models, *specs)}))
    yield made
    made.close()


def head_of(
    explorer: Explorer, built: BuiltModel, head: nn.Linear, ids: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return what a head takes in of some images of the digits, its weights and its bias."""
    rows: list[np.ndarray] = []
    handle = head.register_forward_pre_hook(lambda _, given: rows.append(given[0].numpy().astype(np.float64)))
    dataset = explorer.dataset("digits")
    with torch.inference_mode():
        for image_id in ids.tolist():
            built.module(built.transform(dataset.image(image_id))[None])
    handle.remove()
    return np.concatenate(rows), head.weight.detach().double().numpy(), head.bias.detach().double().numpy()


def plain(
    rows: np.ndarray, labels: np.ndarray, weights: np.ndarray, bias: np.ndarray, outputs: dict[int, int]
) -> tuple[float, float]:
    """NC3 and NC4 by loops over classes and images."""
    classes = sorted(set(labels.tolist()))
    means = [rows[labels == c].mean(axis=0) for c in classes]
    centre = sum(means) / len(means)
    wanted = sum(float((weights[outputs[c]] ** 2).sum()) for c in classes) ** 0.5
    spread = sum(float(((mean - centre) ** 2).sum()) for mean in means) ** 0.5
    gaps = [
        weights[outputs[c]] / wanted - (mean - centre) / spread
        for c, mean in zip(classes, means, strict=True)
    ]
    nc3 = sum(float((gap**2).sum()) for gap in gaps) ** 0.5
    differ = 0
    for row in rows:
        scores = [row @ weights[outputs[c]] + bias[outputs[c]] for c in classes]
        distances = [float(((row - mean) ** 2).sum()) for mean in means]
        differ += int(np.argmax(scores) != np.argmin(distances))
    return nc3, differ / len(rows)


def test_the_digits_resnet_by_its_pooling_layer(explorer: Explorer, view: View) -> None:
    found = settled(lambda: explorer.head_collapse(view, "stage"))
    assert (found.head, found.channels, found.classes) == ("fc", 64, 5)
    assert (found.voters, found.images, found.why) == (100, 100, "")
    built = build(next(spec for spec in explorer.models() if spec.name == view.model))
    sample = explorer.sample(view)
    given = head_of(explorer, built, built.module.fc, sample.image_ids)
    nc3, nc4 = plain(given[0], sample.labels, *given[1:], {label: label for label in range(10)})
    figures = found.figures
    assert figures["nc3"].value == pytest.approx(nc3, rel=1e-5)
    assert figures["nc4"].value == pytest.approx(nc4, abs=1e-12)
    for figure in figures.values():
        assert figure.low is not None and figure.high is not None and figure.value is not None
        assert figure.low <= figure.value <= figure.high
    # A dense layer's share of active positions is another number than its value: the head takes in the value.
    assert settled(lambda: explorer.head_collapse(replace(view, summary="active_fraction"), "stage")) == found
    # It is of S itself.
    assert settled(lambda: explorer.head_collapse(replace(view, normalisation="zscore"), "stage")) == found


def test_a_head_whose_input_is_no_layer_by_a_sample_and_by_names(toys: Explorer) -> None:
    view = View("turned", "digits", classes=SHOWN, per_class=20)
    found = settled(lambda: toys.head_collapse(view, "leaf"))
    assert (found.head, found.channels, found.voters, found.images) == ("head", 12, 60, 100)
    built = build(next(spec for spec in toys.models() if spec.name == "turned"))
    sample = toys.sample(view)
    some = stratified(sample.labels, 60, 0)
    given = head_of(toys, built, built.module.head, sample.image_ids[some])
    outputs = {label: NAMES.index(str(label)) for label in range(10)}
    nc3, nc4 = plain(given[0], sample.labels[some], *given[1:], outputs)
    assert found.figures["nc3"].value == pytest.approx(nc3, rel=1e-5)
    assert found.figures["nc4"].value == pytest.approx(nc4, abs=1e-12)


@pytest.mark.parametrize(
    ("view", "says"),
    [
        (View("soft", "digits", per_class=4), "as they are"),
        (View("strange", "digits", per_class=4), "no output of the model is named '0'"),
        (View("nameless", "digits", per_class=4), "12 outputs have no names, and the dataset has 10"),
        (View("turned", "digits", classes=(3,), per_class=4), "at least two classes"),
        (View("digits-gan", "gan-digits"), "no class outputs"),
    ],
    ids=["a softmax", "other classes", "no names", "one class", "a generator"],
)
def test_where_there_is_none_it_says_why(toys: Explorer, view: View, says: str) -> None:
    found = settled(lambda: toys.head_collapse(view, "leaf"))
    assert says in found.why and found.figures == {}


def test_nothing_is_run_twice(toys: Explorer) -> None:
    view = View("turned", "digits", classes=SHOWN, per_class=20)
    settled(lambda: toys.head_collapse(view, "leaf"))
    assert not isinstance(toys.head_collapse(view, "leaf"), Pending)
    assert toys.jobs() == ()
