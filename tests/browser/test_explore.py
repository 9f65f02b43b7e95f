"""``channelexplorer_dash.explore`` from a script, on a model and a dataset of one's own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from channelexplorer_dash import ids
from tests.browser.conftest import Open
from tests.browser.screen import VIEWS
from tests.browser.serving import UP_SECONDS, end

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

SCRIPT = '''
import torch
from torch import nn
from torch.utils.data import Dataset

import channelexplorer_dash

torch.set_num_threads(1)


class Stripes(Dataset):
    """Stripes that lie, stand, or slant."""

    def __len__(self):
        return 48

    def __getitem__(self, index):
        label = index % 3
        noise = torch.rand((3, 16, 16), generator=torch.Generator().manual_seed(index)) * 0.3
        rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
        along = (rows, columns, rows + columns)[label] + index
        return (((along // 2) % 2) * 0.7 + noise).float(), label


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(8, 12, 3, stride=2, padding=1), nn.ReLU())
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        return self.head(self.body(self.stem(x)).mean(dim=(2, 3)))


torch.manual_seed(0)
channelexplorer_dash.explore(
    Tiny(),
    Stripes(),
    class_names=["lying", "standing", "slanting"],
    store=STORE,
    open_browser=False,
    block=True,
)
'''


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Run the script; return the address that it prints. Ctrl-C ends it."""
    script, log = tmp_path / "mine.py", tmp_path / "mine.log"
    script.write_text(SCRIPT.replace("STORE", repr(str(tmp_path / "store"))))
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, str(script)], cwd=tmp_path, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + UP_SECONDS
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/", log.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield found[0]
    finally:
        status = end(process, signal.SIGINT)
    said = log.read_text()
    assert status == 0, said
    # On a busy machine asyncio notes that Dask's own goodbye was cut short; that is all that may be said.
    assert not re.search(r"warning|traceback", said, re.IGNORECASE), said


def test_a_script_opens_its_own_model_and_data(address: str, browse: Open) -> None:
    screen = browse(address).open("?projection=pca")
    view = screen.selection().view
    assert (view.model, view.dataset) == ("Tiny", "Stripes")
    assert screen.panels()
    for layer in screen.panels():
        for name in VIEWS:
            assert screen.figure(name, layer)["n"] == 48
    classes = screen.page.locator(f"#{ids.CLASSES} label")
    assert classes.all_inner_texts() == [
        "lying",
        "standing",
        "slanting",
    ]
    figures = screen.page.locator(".ce-layer-figure").all_inner_texts()
    assert len(figures) >= 3 and all(re.fullmatch(r"[01]\.\d\d", figure) for figure in figures)
    picture = screen.page.locator(".ce-sample img").first
    screen.eventually(lambda: picture.evaluate("img => img.complete && img.naturalWidth > 0"), True)
