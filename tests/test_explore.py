"""A person's own module and dataset, from a script or a notebook."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset

from channelexplorer_dash import Explorer, explore, load_settings, register_dataset, register_model
from channelexplorer_dash.errors import ChannelExplorerError, DatasetError, SettingsError
from channelexplorer_dash.results.answers import Ready
from channelexplorer_dash.selection import Marks, View
from channelexplorer_dash.server.local import Exploration

PREPROCESSING = {"input_size": [3, 16, 16], "mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 1.0}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 5, 3, padding=1)
        self.second = nn.Sequential(nn.Conv2d(5, 7, 3, stride=2), nn.ReLU())
        self.head = nn.Linear(7, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.second(self.first(x)).mean((2, 3)))  # type: ignore[no-any-return]


class Stripes(Dataset[tuple[torch.Tensor, int]]):
    """Thirty images of three kinds; items are (image, label), as anybody writes them."""

    classes = ("flat", "rows", "columns")

    def __len__(self) -> int:
        return 30

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if index >= 30:
            raise IndexError(index)
        # Of 8 bits, as images are: nothing is lost between here and the model.
        image = torch.full((3, 16, 16), 8 * index / 255)
        if index % 3 == 1:
            image[:, ::2] = 1.0
        if index % 3 == 2:
            image[:, :, ::2] = 1.0
        return image, index % 3


@pytest.fixture(scope="module")
def net() -> Net:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    return Net()


@pytest.fixture
def page(net: Net, tmp_path: Path) -> Iterator[Exploration]:
    with explore(net, Stripes(), preprocessing=PREPROCESSING, store=tmp_path, open_browser=False) as running:
        yield running


def get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return bytes(answer.read())


def settled(ask: Any) -> Any:
    deadline = time.monotonic() + 120
    while not isinstance(answer := ask(), Ready):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer.value


def test_the_page_opens_on_the_person_s_own_model_and_data(page: Exploration) -> None:
    assert page.url.startswith("http://127.0.0.1:")
    assert b"ChannelExplorer" in get(page.url)
    assert json.loads(get(f"{page.url}healthz"))["status"] == "ok"
    assert get(f"{page.url}media/Stripes/4")[8:12] == b"WEBP"
    assert [spec.name for spec in page.explorer.models()] == ["Net"]
    assert page.explorer.dataset("Stripes").class_names == Stripes.classes


def test_its_layers_are_those_of_the_module_and_its_numbers_those_of_a_hook(
    page: Exploration, net: Net
) -> None:
    described = settled(lambda: page.explorer.describe("Net"))
    channels = {layer.name: layer.channels for layer in described.at("leaf")}
    assert channels["first"] == 5 and channels["second.0"] == 7 and channels["head"] == 3
    view = View("Net", "Stripes", normalisation="none")
    heat = settled(lambda: page.explorer.heatmap(view, "first", "none", Marks()))
    images = torch.stack([(Stripes()[int(i)][0] - 0.5) / 0.5 for i in heat.sample.image_ids])
    with torch.no_grad():
        expected = net.first(images).flatten(2).norm(dim=2).T.numpy()
    np.testing.assert_allclose(heat.values, expected[heat.channels], rtol=1e-4)


def test_the_module_is_left_as_it_was(net: Net, tmp_path: Path) -> None:
    net.train()
    with explore(net, Stripes(), preprocessing=PREPROCESSING, store=tmp_path, open_browser=False) as page:
        settled(lambda: page.explorer.describe("Net"))
    assert net.training
    assert not net.first._forward_hooks


def test_a_notebook_shows_a_frame_and_may(page: Exploration) -> None:
    assert f'<iframe src="{page.url}"' in page._repr_html_()
    assert page.url in repr(page)
    with urllib.request.urlopen(page.url) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self' http://localhost:*" in policy


def test_stopping_frees_the_port_and_may_be_repeated(net: Net, tmp_path: Path) -> None:
    page = explore(net, Stripes(), preprocessing=PREPROCESSING, store=tmp_path, open_browser=False)
    port = int(page.url.rstrip("/").rpartition(":")[2])
    page.stop()
    page.stop()
    again = explore(
        net, Stripes(), preprocessing=PREPROCESSING, store=tmp_path, port=port, open_browser=False
    )
    assert again.url == page.url
    again.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "channelexplorer"]


def test_the_browser_is_opened_when_it_is_asked_for(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    with explore(net, Stripes(), preprocessing=PREPROCESSING, store=tmp_path) as page:
        assert opened == [page.url]


def test_names_titles_and_further_settings_are_taken(net: Net, tmp_path: Path) -> None:
    pairs = TensorDataset(torch.rand(6, 3, 16, 16), torch.tensor([0, 1, 0, 1, 0, 1]))
    with explore(
        net,
        pairs,
        name="my net",
        dataset_name="noise",
        class_names=["even", "odd"],
        preprocessing=PREPROCESSING,
        store=tmp_path,
        open_browser=False,
        batch_size=3,
    ) as page:
        assert page.explorer.dataset("noise").class_names == ("even", "odd")
        assert page.explorer.models()[0].name == "my net"
        assert page.explorer.settings.batch_size == 3


def test_a_source_and_a_folder_do_as_well(tmp_path: Path) -> None:
    from PIL import Image

    for kind in ("cat", "dog"):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "pets" / kind / "1.png")
    with explore("timm:resnet18", tmp_path / "pets", store=tmp_path / "store", open_browser=False) as page:
        assert page.explorer.models()[0].name == "resnet18"
        assert page.explorer.dataset("pets").class_names == ("cat", "dog")


@pytest.mark.parametrize(
    ("model", "dataset", "options", "says"),
    [
        ("resnet18", Stripes(), {}, "source"),
        (3, Stripes(), {}, "Give a torch.nn.Module"),
        (Net, Stripes(), {"name": "a/b"}, "name"),
        (Net, Stripes(), {"dataset_name": "a/b"}, "a/b"),
        (Net, Stripes(), {"colour": "blue"}, "colour"),
        (Net, Stripes(), {"port": 10**6}, "port"),
        (Net, Stripes(), {"host": "192.0.2.1"}, "Cannot listen"),
    ],
)
def test_what_cannot_be_explored_is_said(
    tmp_path: Path, model: Any, dataset: Any, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ChannelExplorerError, match=says):
        explore(model, dataset, store=tmp_path, open_browser=False, **options)


def test_a_taken_port_does_not_end_the_caller(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(SettingsError, match="Cannot listen"):
            explore(Net(), Stripes(), store=tmp_path, open_browser=False, port=other.getsockname()[1])


def test_an_object_without_images_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no images"):
        explore(Net(), [], store=tmp_path, open_browser=False)


def test_registered_objects_stand_beside_others_in_settings(net: Net, tmp_path: Path) -> None:
    model = register_model(net, "net", preprocessing=PREPROCESSING)
    data = register_dataset(Stripes(), "stripes", title="Stripes of three kinds", model="net")
    settings = load_settings(
        flags={"models": [model], "datasets": [data], "store": tmp_path, "engine": "inline"}
    )
    explorer = Explorer(settings)
    assert len(explorer.dataset("stripes")) == 30
    assert explorer.selection("").view.model == "net"
    explorer.close()
