"""Train the demo's digits classifier and write its checkpoint: ``python -m scripts.train_digits``.

Takes about ten seconds on one core. The architecture and the preprocessing are those of the demo's
own settings file, so that the checkpoint fits what the demo loads.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import torch

from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.settings import load_settings
from scripts.training import DEMO, Recipe, accuracy, read, save, train, write_record

NAME = "digits_resnet10t"
RECIPE = Recipe(
    epochs=15, batch_size=64, learning_rate=5e-3, weight_decay=0.05, label_smoothing=0.05, shift=3, flip=False
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, save, measure what was saved, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=DEMO, help="folder of the checkpoint (the demo's)")
    into: Path = parser.parse_args(arguments).into
    torch.set_num_threads(1)
    settings = load_settings([demo_settings_file()], environment=False)
    spec = settings.models[0].model_copy(update={"weights": str(into / f"{NAME}.safetensors")})
    dataset = open_dataset(settings.datasets[0], max_pixels=settings.max_image_pixels)
    held_out = dataset.table["split"] == "held_out"
    image_ids = dataset.table.select("image_id", held_out=held_out)
    training = read(dataset, spec, image_ids.filter(~pl.col("held_out"))["image_id"])
    unseen = read(dataset, spec, image_ids.filter(pl.col("held_out"))["image_id"])

    save(train(spec, training, RECIPE), into / f"{NAME}.safetensors")
    figures = {"held_out": accuracy(spec, unseen), "training": accuracy(spec, training)}
    write_record(
        into / f"{NAME}.json",
        spec,
        RECIPE,
        data={
            "name": "Optical recognition of handwritten digits, as in sklearn.datasets.load_digits",
            "licence": settings.datasets[0].licence,
            "images": {"training": len(training), "held_out": len(unseen)},
            "split": "column `split` of the digits dataset: seeded, stratified, 20 % held out",
        },
        accuracy=figures,
    )
    print(f"held out {figures['held_out']:.2%}, training {figures['training']:.2%}")


if __name__ == "__main__":
    main()
