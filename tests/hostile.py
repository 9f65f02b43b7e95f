"""A dataset whose names want to be markup, and reports of it."""

from __future__ import annotations

import csv
from pathlib import Path

from PIL import Image
from sklearn.datasets import load_digits

CLASSES = (
    '</script><img src=x onerror="window.stolen=1">',
    "<b onmouseover=alert(1)>&amp;'\"",
    "--><!-- \u2028 ${7*7}",
)
FILE = "<img src=x onerror=alert(2)> {}.png"
IMAGES = 12


def write_hostile(folder: Path) -> Path:
    """Write images of three classes and a settings file that declares them; return the file."""
    digits = load_digits()
    rows = []
    for label, name in enumerate(CLASSES):
        for place, pixels in enumerate(digits.images[digits.target == label][:IMAGES]):
            path = folder / FILE.format(f"{label}-{place}")
            Image.fromarray((pixels * 15).astype("uint8")).save(path)
            rows.append({"path": path.name, "label": name})
    with (folder / "images.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("path", "label"))
        writer.writeheader()
        writer.writerows(rows)
    config = folder / "hostile.toml"
    config.write_text(
        '[[datasets]]\nname = "hostile"\nkind = "table"\npath = "images.csv"\n'
        "title = '</title><script>window.stolen=2</script>'\n",
        encoding="utf-8",
    )
    return config


def hostile_arguments(folder: Path) -> list[str]:
    """Return the arguments of a report of such a dataset, written to ``folder / "report.html"``."""
    return [
        "report",
        "--demo",
        *("--config", str(write_hostile(folder)), "--store", str(folder / "store")),
        *("--model", "digits-resnet", "--dataset", "hostile", "--labels"),
        *("-o", str(folder / "report.html")),
    ]
