"""What is computed from published results: a function a result, each in the module of what it is about."""

# Each module registers its functions as it is imported.
from channelexplorer_dash.extraction.derivations import (
    comparison,
    contributions,
    head,
    hierarchy,
    labels,
    latents,
    measures,
    models,
    new_images,
    steps,
    views,
)
from channelexplorer_dash.extraction.derivations.registry import publish_derivation

__all__ = [
    "comparison",
    "contributions",
    "head",
    "hierarchy",
    "labels",
    "latents",
    "measures",
    "models",
    "new_images",
    "publish_derivation",
    "steps",
    "views",
]
