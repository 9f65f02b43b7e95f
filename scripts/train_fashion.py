"""Train the Fashion-MNIST classifier and write its checkpoint: ``python -m scripts.train_fashion``.

Takes some minutes on one core, after ``python -m scripts.prepare fashion``, whose settings file
holds the architecture.
"""

from __future__ import annotations

from scripts.prepare import DATA
from scripts.training import Recipe, run

NAME = "fashion_resnet10t"
RECIPE = Recipe(
    epochs=6, batch_size=128, learning_rate=8e-3, weight_decay=0.05, label_smoothing=0.05, shift=1, flip=True
)

if __name__ == "__main__":
    run(DATA / "fashion.toml", NAME, RECIPE)
