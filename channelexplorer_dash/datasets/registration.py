"""Datasets of the caller's own process, as the specs that settings hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from channelexplorer_dash.datasets.registry import register_object
from channelexplorer_dash.errors import SettingsError
from channelexplorer_dash.specs import DatasetSpec


def register_dataset(
    dataset: object,
    name: str,
    *,
    title: str = "",
    class_names: Sequence[str] | None = None,
    model: str | None = None,
    licence: str = "",
    tree: str | None = None,
) -> DatasetSpec:
    """Register a dataset of this process and return the spec that names it.

    Parameters
    ----------
    dataset
        A ``torch.utils.data.Dataset``, or anything else with a length, of (image, label).
    name, title, class_names, model, licence, tree
        As in :class:`~channelexplorer_dash.specs.DatasetSpec`.

    Returns
    -------
    DatasetSpec
        Of kind ``object``, valid in this process: use it with ``engine="inline"``.

    Raises
    ------
    SettingsError
        If a name cannot be used.
    """
    try:
        return DatasetSpec(
            name=name,
            title=title,
            kind="object",
            path=Path(register_object(name, dataset)),
            class_names=None if class_names is None else tuple(class_names),
            model=model,
            licence=licence,
            tree=tree,
        )
    except ValidationError as error:
        problems = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors())
        raise SettingsError(f"The dataset {str(name)[:80]!r} cannot be registered: {problems}.") from error
