"""What each command does, once its options are read; each returns the exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from channelexplorer_dash.errors import SettingsError, unknown_name
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import Settings
from channelexplorer_dash.specs import name_of


def _settings(
    options: argparse.Namespace, sources: Sequence[str] = (), flags: Mapping[str, Any] | None = None
) -> Settings:
    """Gather the settings, with ``sources`` (``timm:<architecture>``) as further models."""
    from channelexplorer_dash.server.launch import gather_settings

    chosen = getattr(options, "weights", None)
    if chosen is not None and len(sources) != 1:
        raise SettingsError("--weights goes with exactly one --model timm:<architecture>.")
    weights = chosen or "random"
    if weights not in {"random", "hub"}:
        weights = str(Path(weights).expanduser().resolve())
    folders = [folder.expanduser().resolve() for folder in getattr(options, "images", ())]
    return gather_settings(
        options.config,
        flags={"store": options.store, **(flags or {})},
        models=[{"name": _called(source), "source": source, "weights": weights} for source in sources],
        datasets=[{"name": name_of(folder.name), "kind": "folder", "path": folder} for folder in folders],
        demo=options.demo,
    )


def _called(model: str) -> str:
    """Return the name under which a model of the command line is registered."""
    return name_of(model.partition(":")[2]) if ":" in model else model


def _warn_of_random_weights(options: argparse.Namespace, sources: Sequence[str]) -> None:
    if sources and options.weights is None:
        sys.stderr.write(f"{', '.join(sources)}: random weights. Add --weights hub for pretrained ones.\n")


def run_serve(options: argparse.Namespace) -> int:
    """Serve the page."""
    from channelexplorer_dash.server.launch import serve

    settings = _settings(options, options.model, {"host": options.host, "port": options.port})
    _warn_of_random_weights(options, options.model)
    return serve(settings, workers=options.workers)


def run_compute(options: argparse.Namespace) -> int:
    """Compute layers into the store."""
    from channelexplorer_dash.explorer import Explorer
    from channelexplorer_dash.server.progress import finished

    sources = [options.model] if options.model and ":" in options.model else []
    # Without patience, so that Ctrl-C always finds the job that it is to cancel.
    settings = _settings(options, sources, {"patience_seconds": 0})
    _warn_of_random_weights(options, sources)
    model = _one("model", options.model and _called(options.model), [spec.name for spec in settings.models])
    dataset = _one("dataset", options.dataset, [spec.name for spec in settings.datasets])
    explorer = Explorer(settings, batch=True)
    try:
        description = finished(explorer, lambda: explorer.describe(model))
        layers = tuple(options.layers or (layer.name for layer in description.at(options.granularity)))
        for name in layers:
            description.layer(name)
        for summary in dict.fromkeys(options.summary):
            view = View(model=model, dataset=dataset, summary=summary)
            finished(explorer, partial(explorer.compute, view, layers, output=not options.layers))
    finally:
        explorer.close()
    count = f"{len(layers)} layer{'s' if len(layers) > 1 else ''}"
    print(f"{', '.join(options.summary)} of {count} of {model} on {dataset} is in {settings.store}")
    return 0


def run_report(options: argparse.Namespace) -> int:
    """Write the analysis as one HTML file."""
    from channelexplorer_dash.explorer import Explorer
    from channelexplorer_dash.server import report
    from channelexplorer_dash.server.progress import answered

    sources = [options.model] if options.model and ":" in options.model else []
    settings = _settings(options, sources, {"patience_seconds": 0})
    _warn_of_random_weights(options, sources)
    report.check_output(options.output)
    asked = report.linked(options.link)
    model = options.model and _called(options.model)
    model = _one("model", model or asked.view.model, [spec.name for spec in settings.models])
    dataset = options.dataset or asked.view.dataset
    dataset = _one("dataset", dataset, [spec.name for spec in settings.datasets])
    explorer = Explorer(settings, batch=True)
    try:
        selection = report.selected(explorer, asked, model, dataset, tuple(options.layers or ()))
        found = report.whole_report(
            explorer, selection, partial(answered, explorer), link=options.link, rank_labels=options.labels
        )
        size = report.write_report(found, options.output)
    finally:
        explorer.close()
    view = found.selection.view
    layers = ", ".join(found.selection.layers)
    print(f"{options.output} ({size / 1e6:.1f} MB): {view.model} on {view.dataset}, layers {layers}")
    return 0


def run_layers(options: argparse.Namespace) -> int:
    """List the layers of a model."""
    import tempfile

    from channelexplorer_dash.explorer import Explorer
    from channelexplorer_dash.server.progress import finished

    sources = [options.model] if ":" in options.model else []
    # Nothing is kept, so that looking at a model leaves no folder behind.
    with tempfile.TemporaryDirectory(prefix="channelexplorer-") as folder:
        settings = _settings(options, sources, {"store": folder, "engine": "inline"})
        explorer = Explorer(settings)
        try:
            description = finished(explorer, lambda: explorer.describe(_called(options.model)))
        finally:
            explorer.close()
    rows = [
        (
            layer.name,
            layer.kind,
            str(layer.channels),
            "×".join(map(str, layer.shape)),
            " ".join(layer.granularities),
        )
        for layer in description.layers
        if options.granularity is None or options.granularity in layer.granularities
    ]
    _table(("layer", "kind", "channels", "shape", "granularity"), rows)
    return 0


def run_gc(options: argparse.Namespace) -> int:
    """Tidy up the store."""
    from channelexplorer_dash.store import JobBoard, Store
    from channelexplorer_dash.store.tidying import clean, keep_to_quota, parse_size

    settings = _settings(options)
    quota = parse_size(options.quota) if options.quota else round(settings.store_quota_gb * 1e9)
    if not settings.store.is_dir():
        raise SettingsError(f"There is no store {settings.store}. Name its folder with --store.")
    store = Store(settings.store)
    board = JobBoard(store)
    removed = clean(store, board, dry_run=options.dry_run)
    if quota:
        removed += keep_to_quota(store, board, quota, dry_run=options.dry_run)
    for item in removed:
        print(f"{item.bytes / 1e6:10.1f} MB  {item.what}  {item.paths[0].relative_to(store.root)}")
    total, size = sum(item.bytes for item in removed), store.size()
    print(
        f"{'Would remove' if options.dry_run else 'Removed'} {total / 1e6:,.1f} MB; {settings.store} takes "
        f"{size.bytes / 1e6:,.1f} MB, the disk has {size.free / 1e9:,.1f} GB left."
    )
    return 0


def run_doctor(options: argparse.Namespace) -> int:
    """Check the installation and the settings."""
    from channelexplorer_dash.doctor.examining import tell

    gather = partial(_settings, options, options.model)
    return tell(options.config, gather, engine=not options.no_engine, as_json=options.json)


def _one(what: str, wanted: str | None, known: list[str]) -> str:
    """Return the wanted name, or the only one that there is."""
    if wanted:
        if wanted not in known:
            raise unknown_name(what, wanted, known)
        return wanted
    if len(known) == 1:
        return known[0]
    raise SettingsError(f"Say which {what} with --{what}: {', '.join(known) or 'none is declared'}.")


def run_models(options: argparse.Namespace) -> int:
    """List the registered models."""
    rows = [(m.name, m.source, m.weights, m.title) for m in _settings(options, options.model).models]
    _table(("name", "source", "weights", "title"), rows)
    return 0


def run_datasets(options: argparse.Namespace) -> int:
    """List the registered datasets."""
    rows = [(d.name, d.kind, str(d.path or ""), d.title) for d in _settings(options, options.model).datasets]
    _table(("name", "kind", "path", "title"), rows)
    return 0


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
