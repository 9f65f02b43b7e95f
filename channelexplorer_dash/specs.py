"""What a person declares: models and datasets, as plain validated descriptions.

A spec says where something is and how to read it; it never imports torch and never opens a file.
The web processes and the engine's tasks exchange specs, and build the real thing from them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,63}$"


def name_of(text: str) -> str:
    """Return the name that is nearest to a text, such as a folder's or a class's name."""
    return re.sub(r"[^A-Za-z0-9._ -]+", "-", text).lstrip("._ -")[:64] or "unnamed"


def is_inline_tree(text: str) -> bool:
    """Tell a tree that is written out from the path of its file."""
    return text.lstrip()[:1] in {"(", "{", "["} or text.rstrip().endswith(";")


Takes = Literal["image", "image and class", "latent", "state"]
"""What a model is called with."""


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME_PATTERN, description="the name shown on the page and used in links")
    title: str = Field(default="", description="a line of description for the page")


class ModelSpec(_Spec):
    """One model of the registry.

    Attributes
    ----------
    source
        ``timm:<architecture>``, ``factory:<module>:<function>`` (a function that returns a
        ``torch.nn.Module``), ``diffusers:<folder>`` (the denoiser of a pipeline that was saved or downloaded
        there), or ``object:<token>`` (a module of the caller's own process, put there by
        :func:`channelexplorer_dash.register_model`).
    weights
        ``random``, ``hub`` (pretrained weights from the hub), or the path of a checkpoint:
        ``.safetensors``, or ``.pt``/``.pth``, loaded with ``weights_only=True``.
    options
        Keyword arguments of ``timm.create_model`` or of the factory.
    preprocessing
        Overrides of the model's own preprocessing: any of ``input_size`` (C, H, W), ``mean`` and ``std``
        (a number for each channel), ``interpolation``, ``crop_pct``.
    class_names
        Names of the model's outputs: a list, ``imagenet`` or None (numbers are shown).
    seed
        Seed for ``weights="random"``.
    takes
        What the model is called with: an ``image``, an ``image and class`` (a conditional discriminator), a
        ``latent`` and its class (a generator), or a noisy ``state``, its timestep and its class (a denoiser).
        Latents and states come with the rows of a ``generated`` dataset.
    """

    source: str = Field(pattern=r"^(timm|factory|diffusers|object):.+$")
    weights: str = "random"
    options: dict[str, Any] = Field(default_factory=dict)
    preprocessing: dict[str, Any] = Field(default_factory=dict)
    class_names: tuple[str, ...] | Literal["imagenet"] | None = None
    seed: int = 0
    takes: Takes = "image"

    @model_validator(mode="after")
    def _starts_from_noise(self) -> ModelSpec:
        if self.source.startswith("diffusers:") and self.takes != "state":
            raise ValueError('a diffusers pipeline takes noisy states: set takes = "state"')
        return self

    @property
    def checkpoint(self) -> Path | None:
        """Path of the local checkpoint, or None when weights are random or from the hub."""
        return None if self.weights in {"random", "hub"} else Path(self.weights)


class DatasetSpec(_Spec):
    """One dataset of the registry.

    Attributes
    ----------
    kind
        ``folder`` (one sub-folder per class), ``arrays`` (npz, or idx images with ``labels``),
        ``table`` (CSV or Parquet with a path and a label column), ``digits`` (scikit-learn's, embedded),
        ``generated`` (what a generator or a diffusion model draws), or ``object`` (a dataset of the caller's
        own process).
    path
        The folder, file or table. For ``object`` the token of the registered object.
    labels
        The idx file of labels, for ``arrays`` in idx format.
    root
        Folder that the paths of a ``table`` are relative to; the table's own folder by default.
    path_column, label_column
        Names of the columns of a ``table``.
    class_names
        Names of the classes, in the order of the integer labels; read from the data by default.
    model
        Name of the model that the page opens this dataset with.
    licence
        Shown beside the dataset.
    tree
        The known hierarchy of the classes, which the found one is compared with: the path of a file in Newick
        or nested JSON, or the tree itself. By default WordNet, where it has a word for every class.
    generator
        For ``generated``: the name of the model that draws the images, or the model itself.
    seeds
        For ``generated``: how many images are drawn of each class, with the seeds 0, 1, 2, …
    steps
        For ``generated``, by a diffusion model: how many timesteps are visited from noise to image; each is a
        row of the dataset.
    between
        For ``generated``, by a GAN: how many latents are put between the first two seeds of each class.
    """

    kind: Literal["folder", "arrays", "table", "digits", "generated", "object"]
    path: Path | None = None
    labels: Path | None = None
    root: Path | None = None
    path_column: str = "path"
    label_column: str = "label"
    class_names: tuple[str, ...] | None = None
    model: str | None = None
    licence: str = ""
    tree: str | None = None
    generator: str | ModelSpec | None = None
    seeds: int = Field(default=20, ge=1)
    steps: int = Field(default=10, ge=1, le=1000)
    between: int = Field(default=0, ge=0, le=1000)

    @model_validator(mode="after")
    def _is_drawn_by_somebody(self) -> DatasetSpec:
        if self.kind != "generated":
            return self
        if self.generator is None or not self.class_names:
            raise ValueError("a generated dataset needs `generator`, the name of a model, and `class_names`")
        if isinstance(self.generator, ModelSpec) and self.generator.takes not in {"latent", "state"}:
            raise ValueError(
                f"the model {self.generator.name!r} draws no images: set its `takes` to latent or state"
            )
        return self

    @field_validator("class_names")
    @classmethod
    def _distinct(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is not None and len(set(names)) != len(names):
            raise ValueError("class names must differ from each other")
        return names
