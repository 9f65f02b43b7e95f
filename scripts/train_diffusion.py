"""Train the demo's class-conditional diffusion model on the digits: ``python -m scripts.train_diffusion``.

Takes about four minutes on one core.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.nn import functional

from channelexplorer_dash.datasets.generated import visited_timesteps
from channelexplorer_dash.models.sampling import Sampler, cosine_shares
from channelexplorer_dash.models.small_unet import UNet
from scripts.generative import Average, digits, recognised, write


@dataclass(frozen=True)
class DiffusionRecipe:
    """The choices of the run; ``average`` is what the moving average of the weights keeps at each step."""

    seed: int = 0
    steps: int = 3000
    batch_size: int = 64
    learning_rate: float = 2e-3
    warm_up: int = 100
    gradient_norm: float = 1.0
    average: float = 0.995


RECIPE = DiffusionRecipe()
CLASSES = 10
SAMPLING_STEPS = 20


@torch.inference_mode()
def samples(denoiser: UNet, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return ``count`` samples of every class and their labels."""
    source = torch.Generator().manual_seed(seed)
    labels = torch.arange(CLASSES).repeat_interleave(count)
    state = torch.randn((len(labels), *denoiser.latent_shape), generator=source)
    sampler = Sampler(cosine_shares())
    visited = visited_timesteps(SAMPLING_STEPS)
    for now, later in zip(visited, [*visited[1:], None], strict=True):
        velocity = denoiser(state, torch.full((len(labels),), now), labels)
        state, _ = sampler.advance(state, velocity, now, later)
    return state, labels


def main() -> None:
    """Train, report how many samples are recognised, and write the checkpoint."""
    torch.set_num_threads(1)
    torch.manual_seed(RECIPE.seed)
    source = torch.Generator().manual_seed(RECIPE.seed)
    images, labels = digits()
    denoiser = UNet()
    average = Average(denoiser, RECIPE.average)
    learn = torch.optim.AdamW(denoiser.parameters(), RECIPE.learning_rate)
    warm, steps, size = RECIPE.warm_up, RECIPE.steps, RECIPE.batch_size
    schedule = torch.optim.lr_scheduler.LambdaLR(
        learn, lambda step: min((step + 1) / warm, (steps - step) / (steps - warm))
    )
    shares = torch.tensor(cosine_shares())
    started = time.perf_counter()
    total = 0.0
    for step in range(steps):
        rows = torch.randint(0, len(labels), (size,), generator=source)
        image, named = images[rows], labels[rows]
        at = torch.randint(0, len(shares), (size,), generator=source)
        noise = torch.randn(image.shape, generator=source)
        share = shares[at][:, None, None, None]
        state = share.sqrt() * image + (1 - share).sqrt() * noise
        velocity = share.sqrt() * noise - (1 - share).sqrt() * image
        loss = functional.mse_loss(denoiser(state, at, named), velocity)
        learn.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(denoiser.parameters(), RECIPE.gradient_norm)
        learn.step()
        schedule.step()
        average.update(denoiser)
        total += loss.item()
        if (step + 1) % 250 == 0:
            share_read = recognised(*samples(average.module, 10, seed=1))
            print(
                f"step {step + 1}  loss {total / 250:.4f}  recognised {share_read:.1%}  "
                f"{time.perf_counter() - started:.0f} s",
                flush=True,
            )
            total = 0.0
    found = {"share": round(recognised(*samples(average.module, 50, seed=2)), 4), "samples": 500}
    write(
        {"digits_diffusion": average.module},
        found,
        {"optimiser": "AdamW, warm-up and linear decay", **asdict(RECIPE)},
        "python -m scripts.train_diffusion",
    )
    print(found)


if __name__ == "__main__":
    main()
