"""Train the demo's digits classifier and write its checkpoint: ``python -m scripts.train_digits``.

Takes about ten seconds on one core.
"""

from __future__ import annotations

from channelexplorer_dash.demo import demo_settings_file
from scripts.training import Recipe, run

NAME = "digits_resnet10t"
RECIPE = Recipe(
    epochs=15, batch_size=64, learning_rate=5e-3, weight_decay=0.05, label_smoothing=0.05, shift=2, flip=False
)

if __name__ == "__main__":
    run(demo_settings_file(), NAME, RECIPE)
