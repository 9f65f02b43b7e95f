"""One frozen settings object, from TOML files, the environment and the command line, validated once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableVariableError

from channelexplorer_dash.errors import SettingsError
from channelexplorer_dash.specs import DatasetSpec, ModelSpec, is_inline_tree

ENVIRONMENT_PREFIX = "CHANNELEXPLORER_"
CONFIG_VARIABLE = "CHANNELEXPLORER_CONFIG"


class Settings(BaseSettings):
    """All tunables. Every field can be set in TOML, as ``CHANNELEXPLORER_<FIELD>``, or by a flag."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True, extra="forbid")

    models: tuple[ModelSpec, ...] = Field(default=(), description="the registered models")
    datasets: tuple[DatasetSpec, ...] = Field(default=(), description="the registered datasets")
    store: Path = Field(default=Path(".channelexplorer"), description="folder of everything computed")
    store_quota_gb: float = Field(
        default=0.0,
        ge=0,
        description="gigabytes that the store may take: above it, the results that were not used for longest "
        "are removed, and computed anew when they are asked for; 0 for no bound",
    )

    host: str = Field(default="127.0.0.1", description="address that `serve` listens on")
    port: int = Field(
        default=8050, ge=0, le=65535, description="port that `serve` listens on; 0 takes a free one"
    )

    engine: Literal["embedded", "inline"] | str = Field(
        default="embedded",
        description="`embedded` (one worker process on this machine), `inline` (threads of this process), "
        "or the address of an existing Dask scheduler, as tcp://host:port",
    )
    engine_linger_seconds: float = Field(
        default=60.0, ge=0, description="how long the embedded engine stays after its last client left"
    )
    engine_workers: int = Field(
        default=1,
        ge=1,
        le=256,
        description="worker processes of the embedded engine, which share the cores; 1 where they would "
        "share one GPU, which is to do one job at a time",
    )
    device: str = Field(default="auto", description="`auto`, `cpu`, `cuda`, `cuda:1`, `mps`")
    threads: int = Field(
        default=0,
        ge=0,
        description="threads of each of the engine's workers; 0 for all cores, divided among them",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="arithmetic of the forward pass; `bfloat16` is automatic mixed precision, faster on "
        "a GPU and slower on most CPUs; results of the two are kept apart",
    )
    batch_size: int = Field(
        default=0,
        ge=0,
        le=4096,
        description="images in one forward pass; 0 for as many as `batch_memory_mb` allows",
    )
    batch_memory_mb: int = Field(
        default=32,
        ge=1,
        description="megabytes that the largest output in the model may take for a whole batch, where "
        "`batch_size` is 0: about what a CPU's cache holds; a GPU gets 64 times as much",
    )
    shard_size: int = Field(default=256, ge=1, description="images whose summaries are published at once")
    summaries: tuple[str, ...] = Field(
        default=("l2", "mean", "max_abs", "active_fraction"),
        description="summaries computed together in one pass",
    )
    patience_seconds: float = Field(
        default=0.3,
        ge=0,
        le=5,
        description="how long a request waits for a quick job before it answers 'pending'",
    )
    poll_milliseconds: int = Field(
        default=700, ge=100, description="how often the page asks for a job's progress"
    )

    knn_neighbours: int = Field(default=5, ge=1, description="k of the depth profile's kNN accuracy")
    knn_queries: int = Field(
        default=5000,
        ge=0,
        description="images that vote for the depth profile's kNN accuracy, by their neighbours among all; "
        "a stratified sample where there are more; 0 for all",
    )
    measure_images: int = Field(
        default=5000,
        ge=50,
        description="images, a stratified sample of more, of the measures that compare all pairs (the "
        "generalised discrimination value and hubness), and of NC3 and NC4 where the model is run up to its "
        "head",
    )
    apart_from: float = Field(
        default=0.95,
        gt=0.5,
        le=1,
        description="balanced accuracy from which on two classes count as apart, on the map of which classes "
        "come apart where",
    )
    apart_classes: int = Field(
        default=60,
        ge=2,
        le=300,
        description="classes on that map; of more, those that come apart last",
    )
    picture_images: int = Field(
        default=3000,
        ge=20,
        le=20_000,
        description="images, a stratified sample of more, of the trustworthiness of a projection",
    )
    picture_gap: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="difference between what two and all dimensions say of the classes from which on the "
        "scatterplot is flagged",
    )
    picture_trust: float = Field(
        default=0.85,
        ge=0,
        le=1,
        description="trustworthiness below which the scatterplot is flagged",
    )
    projection_images: int = Field(
        default=20_000,
        ge=100,
        description="images that UMAP and t-SNE are fitted to, a stratified sample of more; the others are "
        "placed among them",
    )
    label_layers: int = Field(
        default=4,
        ge=1,
        le=16,
        description="layers, in the later part of the model, that label issues look at",
    )
    label_neighbours: int = Field(
        default=25,
        ge=1,
        description="neighbours of an image that vote for its label when label issues are ranked",
    )
    review_rows: int = Field(default=25, ge=1, le=500, description="labels to review that are listed at once")
    spot_check: int = Field(
        default=200,
        ge=1,
        le=1000,
        description="labels that the spot check of the labels to review asks for at most; it is done as soon "
        "as the expected precision is known within five points",
    )
    reviewer: str = Field(
        default="",
        max_length=80,
        description="name that decisions about labels are kept under, unless the page gives another; the "
        "operating system's user by default",
    )
    jaccard_images: int = Field(
        default=300, ge=2, le=2000, description="images of the image × image Jaccard view"
    )
    heatmap_images: int = Field(default=300, ge=2, le=5000, description="images of the heatmap")
    heatmap_channels: int = Field(default=256, ge=1, le=4096, description="channels of the heatmap")
    ablation_images: int = Field(
        default=500,
        ge=1,
        description="images that an ablation is measured on, a stratified sample of more",
    )
    effect_images: int = Field(
        default=256,
        ge=1,
        le=5000,
        description="images that the effect of every channel is measured on, a stratified sample of more",
    )
    compare_images: int = Field(
        default=2000,
        ge=10,
        le=20_000,
        description="images, a stratified sample of more, by which the layers and channels of two models are "
        "compared",
    )
    contrast_images: int = Field(
        default=2000,
        ge=10,
        description="images that `What tells these apart?` looks at, a stratified sample of more",
    )
    contrast_channels: int = Field(
        default=12, ge=1, le=100, description="most channels of a set that tells two groups apart"
    )
    gallery_images: int = Field(default=60, ge=1, le=1000, description="images shown in the inspector")
    webgl_points: int = Field(default=3000, ge=0, description="points from which the scatterplot uses WebGL")
    new_images: int = Field(
        default=6, ge=1, le=20, description="images that can be dropped on the page at once"
    )
    new_images_mb: float = Field(
        default=5.0,
        gt=0,
        le=5,
        description="megabytes that the files dropped on the page at once may have, together",
    )
    new_image_pixels: int = Field(
        default=16_000_000, ge=1, description="larger images that are dropped on the page are refused"
    )
    new_image_neighbours: int = Field(
        default=5, ge=1, le=20, description="nearest images that are shown for one dropped on the page"
    )
    max_image_pixels: int = Field(
        default=64_000_000, ge=1, description="larger images are reported and left out"
    )

    @field_validator("store")
    @classmethod
    def _expand(cls, path: Path) -> Path:
        return path.expanduser().resolve()

    @field_validator("datasets")
    @classmethod
    def _find_generators(
        cls, datasets: tuple[DatasetSpec, ...], info: ValidationInfo
    ) -> tuple[DatasetSpec, ...]:
        """Put the model that draws a dataset in place of its name: the engine is given the dataset alone."""
        models = {spec.name: spec for spec in info.data.get("models", ())}
        found = []
        for spec in datasets:
            if isinstance(spec.generator, str):
                if spec.generator not in models:
                    raise ValueError(f"{spec.name}: there is no model {spec.generator!r} to draw the images")
                spec = DatasetSpec.model_validate(
                    {**spec.model_dump(), "generator": models[spec.generator].model_dump()}
                )
            found.append(spec)
        return tuple(found)

    @model_validator(mode="after")
    def _unique_names(self) -> Settings:
        for what, specs in (("model", self.models), ("dataset", self.datasets)):
            names = [spec.name for spec in specs]
            if twice := {name for name in names if names.count(name) > 1}:
                raise ValueError(f"two {what}s are called {sorted(twice)[0]!r}: give each its own name")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Keep to two sources: arguments (flags over TOML), then the environment below them."""
        return init_settings, env_settings


class _WithoutEnvironment(Settings):
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def load_settings(
    config: Iterable[Path] = (), *, flags: Mapping[str, Any] | None = None, environment: bool = True
) -> Settings:
    """Build the settings: flags over environment over TOML files over defaults.

    Parameters
    ----------
    config
        TOML files; ``models`` and ``datasets`` of several files are joined, other keys of later
        files win. With none given, those named by ``CHANNELEXPLORER_CONFIG`` (separated by the
        system's path separator) are read. Relative paths in a file are relative to that file.
    flags
        Values from the command line; None values are ignored.
    environment
        Whether ``CHANNELEXPLORER_*`` variables count.

    Raises
    ------
    SettingsError
        With one line for each value that is wrong.
    """
    files = [Path(p) for p in config]
    if not files and environment and (named := os.environ.get(CONFIG_VARIABLE)):
        files = [Path(p) for p in named.split(os.pathsep) if p]
    values: dict[str, Any] = {}
    for file in files:
        found = read_settings_file(file)
        joined = {key: [*values.get(key, []), *found.get(key, [])] for key in ("models", "datasets")}
        values = {**values, **found, **joined}
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    if environment:
        overridden = {
            name for name in Settings.model_fields if f"{ENVIRONMENT_PREFIX}{name.upper()}" in os.environ
        }
        values = {key: value for key, value in values.items() if key not in overridden}
    try:
        return (Settings if environment else _WithoutEnvironment)(**{**values, **given})
    except ValidationError as error:
        raise SettingsError(_explain(error)) from error
    except UnreadableVariableError as error:
        raise SettingsError(
            f"A {ENVIRONMENT_PREFIX}… variable is not valid: {error}. Lists are written as JSON."
        ) from error


def read_settings_file(file: Path) -> dict[str, Any]:
    """Return what a TOML file says, with its relative paths made absolute; the values are not checked.

    Raises
    ------
    SettingsError
        If the file is not there, or is no TOML.
    """
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"There is no settings file {file}. Check the path given with --config."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"The settings file {file} cannot be read: {error}.") from error
    for key in ("models", "datasets"):
        entries = values.get(key, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise SettingsError(f"In {file}, `{key}` must be tables: write [[{key}]] above each.")
    base = file.resolve().parent
    if isinstance(values.get("store"), str):
        values["store"] = str(_relative(base, values["store"]))
    for dataset in values.get("datasets", []):
        for key in ("path", "labels", "root"):
            if isinstance(dataset.get(key), str):
                dataset[key] = str(_relative(base, dataset[key]))
        if isinstance(dataset.get("tree"), str) and not is_inline_tree(dataset["tree"]):
            dataset["tree"] = str(_relative(base, dataset["tree"]))
    for model in values.get("models", []):
        if isinstance(model.get("weights"), str) and model["weights"] not in {"random", "hub"}:
            model["weights"] = str(_relative(base, model["weights"]))
        if str(model.get("source", "")).startswith("diffusers:"):
            folder = model["source"].removeprefix("diffusers:")
            model["source"] = f"diffusers:{_relative(base, folder)}"
    return values


def _relative(base: Path, path: str) -> Path:
    return base / Path(path).expanduser()


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"]) or "settings"
        lines.append(f"{where}: {problem['msg']} (given: {str(problem['input'])[:60]!r})")
    return "The settings are not valid.\n  " + "\n  ".join(lines)
