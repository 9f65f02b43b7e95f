"""Train the demo's class-conditional GAN on the digits: ``python -m scripts.train_gan``.

Takes about four minutes on one core.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from channelexplorer_dash.models.small_gan import Discriminator, Generator
from scripts.generative import Average, digits, recognised, write


@dataclass(frozen=True)
class GanRecipe:
    """The choices of the run; ``real_label`` is what the discriminator is to say of real images."""

    seed: int = 0
    steps: int = 2500
    batch_size: int = 64
    learning_rates: tuple[float, float] = (4e-4, 3e-4)
    betas: tuple[float, float] = (0.5, 0.999)
    real_label: float = 0.9
    average: float = 0.995


RECIPE = GanRecipe()
CLASSES = 10


def samples(generator: Generator, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return ``count`` samples of every class and their labels."""
    source = torch.Generator().manual_seed(seed)
    labels = torch.arange(CLASSES).repeat_interleave(count)
    latents = torch.randn((len(labels), *generator.latent_shape), generator=source)
    with torch.inference_mode():
        return generator(latents, labels), labels


def main() -> None:
    """Train, report how many samples are recognised, and write both checkpoints."""
    torch.set_num_threads(1)
    torch.manual_seed(RECIPE.seed)
    source = torch.Generator().manual_seed(RECIPE.seed)
    images, labels = digits()
    made, judge = Generator(), Discriminator()
    average = Average(made, RECIPE.average)
    rate_g, rate_d = RECIPE.learning_rates
    learn_g = torch.optim.Adam(made.parameters(), rate_g, RECIPE.betas)
    learn_d = torch.optim.Adam(judge.parameters(), rate_d, RECIPE.betas)
    size = RECIPE.batch_size
    started = time.perf_counter()
    for step in range(RECIPE.steps):
        rows = torch.randint(0, len(labels), (size,), generator=source)
        real, named = images[rows], labels[rows]
        wrong = (named + torch.randint(1, CLASSES, (size,), generator=source)) % CLASSES
        asked = torch.randint(0, CLASSES, (size,), generator=source)
        fake = made(torch.randn((size, *made.latent_shape), generator=source), asked)
        verdicts = judge(torch.cat([real, fake.detach(), real]), torch.cat([named, asked, wrong])).squeeze(1)
        goals = torch.cat([torch.full((size,), RECIPE.real_label), torch.zeros(2 * size)])
        weights = torch.cat([torch.ones(size), torch.full((2 * size,), 0.5)])
        loss_d = cross_entropy(verdicts, goals, weight=weights)
        learn_d.zero_grad()
        loss_d.backward()
        learn_d.step()
        loss_g = cross_entropy(judge(fake, asked).squeeze(1), torch.ones(size))
        learn_g.zero_grad()
        loss_g.backward()
        learn_g.step()
        average.update(made)
        if (step + 1) % 250 == 0:
            share = recognised(*samples(average.module, 20, seed=1))
            print(
                f"step {step + 1}  D {loss_d.item():.3f}  G {loss_g.item():.3f}  recognised {share:.1%}  "
                f"{time.perf_counter() - started:.0f} s",
                flush=True,
            )
    found = {"share": round(recognised(*samples(average.module, 50, seed=2)), 4), "samples": 500}
    write(
        {"digits_gan": average.module, "digits_gan_discriminator": judge.eval()},
        found,
        {"optimiser": "Adam", **asdict(RECIPE)},
        "python -m scripts.train_gan",
    )
    print(found)


if __name__ == "__main__":
    main()
