"""The command ``channelexplorer``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

from channelexplorer_dash.errors import ChannelExplorerError, SettingsError, unknown_name
from channelexplorer_dash.selection import Granularity, Summary, View
from channelexplorer_dash.settings import Settings
from channelexplorer_dash.specs import name_of

_EXAMPLES = """\
examples:
  channelexplorer serve --demo
  channelexplorer serve --model timm:resnet18 --weights hub --images ~/photos
  channelexplorer serve --config photos.toml --port 8080
  channelexplorer compute --config photos.toml --model efficientnet --dataset photos --all
  channelexplorer layers timm:resnet18 --granularity stage
  channelexplorer report --demo --model digits-resnet --dataset digits -o digits.html
  channelexplorer gc --quota 20GB --dry-run
  channelexplorer doctor --config photos.toml

Every setting can also stand in a TOML file (--config) or in a variable CHANNELEXPLORER_<NAME>.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status: 0, 1 (`doctor`: a problem), 2 (a mistake), 130 (Ctrl-C)."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        return status
    except ChannelExplorerError as error:
        sys.stderr.write(f"channelexplorer: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. What was computed stays in the store.\n")
        return 130
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has had enough; keep Python from complaining at exit.
        sys.stdout = None
        return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    top = argparse.ArgumentParser(
        prog="channelexplorer",
        description="See how the layers and channels of an image model take classes apart.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    serve = commands.add_parser("serve", help="serve the page", description="Serve the page with gunicorn.")
    _sources(serve)
    serve.add_argument("--host", help="address to listen on (127.0.0.1; 0.0.0.0 for every network)")
    serve.add_argument("--port", type=int, help="port to listen on (8050; 0 takes a free one)")
    serve.add_argument(
        "--workers", type=_positive, default=2, metavar="N", help="server processes (%(default)s)"
    )
    serve.set_defaults(run=_serve)

    compute = commands.add_parser(
        "compute",
        help="compute layers ahead of time",
        description="Compute the summaries of layers into the store, where the page finds them. "
        "What is there already is not computed again, so that a stopped run can be resumed.",
    )
    _sources(compute, one=True)
    compute.add_argument("--dataset", metavar="NAME", help="which dataset (the only one by default)")
    which = compute.add_mutually_exclusive_group()
    which.add_argument("--layers", nargs="+", metavar="LAYER", help="names of layers")
    which.add_argument("--all", action="store_true", help="every layer of the granularity (the default)")
    _granularity(compute, "block")
    compute.add_argument(
        "--summary",
        nargs="+",
        choices=get_args(Summary),
        metavar="SUMMARY",
        default=["l2"],
        help=f"summaries: {', '.join(get_args(Summary))} (l2)",
    )
    compute.set_defaults(run=_compute)

    report = commands.add_parser(
        "report",
        help="write the analysis as one HTML file",
        description="Compute what is missing, and write the depth profile and up to four layers in all views "
        "into one HTML file, which opens in any browser without a server.",
    )
    _sources(report, one=True)
    report.add_argument("--dataset", metavar="NAME", help="which dataset (the only one by default)")
    report.add_argument(
        "--layers", nargs="+", metavar="LAYER", help="layers (the best by the profile, the middle, the last)"
    )
    report.add_argument(
        "--link",
        metavar="'?…'",
        default="",
        help="a link that Share copied, or its query: classes, layers and looks are taken from it",
    )
    report.add_argument("--labels", action="store_true", help="rank the labels that are probably wrong, too")
    report.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the file to write")
    report.set_defaults(run=_report)

    layers = commands.add_parser(
        "layers", help="list the layers of a model", description="List a model's layers."
    )
    layers.add_argument("model", metavar="MODEL", help="a registered model, or timm:<architecture>")
    _config(layers)
    _granularity(layers, None)
    layers.set_defaults(run=_layers)

    tidy = commands.add_parser(
        "gc",
        help="tidy up the store",
        description="Remove what nobody will use again: half-written files, shards and markers of work given "
        "up for a day, old failures and logs. With --quota, also the results that were not used for longest, "
        "until the store fits. Safe beside running servers of the same machine: nothing is taken that a job "
        "needs, and a result that is gone is computed anew when it is asked for. Where machines share the "
        "store over a network, stop them before.",
    )
    _config(tidy)
    tidy.add_argument("--quota", metavar="SIZE", help="what the store may take, as 20GB (store_quota_gb)")
    tidy.add_argument("--dry-run", action="store_true", help="say what would be removed, and leave it")
    tidy.set_defaults(run=_gc)

    doctor = commands.add_parser(
        "doctor",
        help="check the installation and the settings",
        description="Check the installation, the settings and what they name, and say what is wrong and what "
        "to do. Nothing is changed or downloaded. The exit status is 0 where there is no problem, 1 else.",
    )
    _sources(doctor)
    doctor.add_argument("--no-engine", action="store_true", help="neither join nor start an engine")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.set_defaults(run=_doctor)

    for what in ("models", "datasets"):
        listing = commands.add_parser(
            what, help=f"list the {what}", description=f"List the registered {what}."
        )
        _sources(listing)
        listing.set_defaults(run=_models if what == "models" else _datasets)
    return top


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        import channelexplorer_dash

        print(f"channelexplorer {channelexplorer_dash.__version__}")
        parser.exit()


def _config(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="settings file; may be repeated",
    )
    command.add_argument("--demo", action="store_true", help="add the digits demo")
    command.add_argument(
        "--store", type=Path, metavar="FOLDER", help="where results are kept (.channelexplorer)"
    )


def _sources(command: argparse.ArgumentParser, *, one: bool = False) -> None:
    _config(command)
    if one:
        command.add_argument("--model", metavar="MODEL", help="a registered model, or timm:<architecture>")
    else:
        command.add_argument(
            "--model",
            type=_source,
            action="append",
            default=[],
            metavar="timm:NAME",
            help="a timm architecture; may be repeated",
        )
    command.add_argument(
        "--weights",
        metavar="WEIGHTS",
        help="weights of --model: a checkpoint (.safetensors, .pt, .pth), 'hub' (pretrained) or 'random'",
    )
    command.add_argument(
        "--images",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="folder with one sub-folder of images for each class; may be repeated",
    )


def _granularity(command: argparse.ArgumentParser, default: str | None) -> None:
    command.add_argument(
        "--granularity",
        choices=get_args(Granularity),
        default=default,
        help=f"which layers ({default or 'all'})",
    )


def _source(text: str) -> str:
    if not text.startswith(("timm:", "factory:")):
        raise argparse.ArgumentTypeError(f"give timm:<architecture>, for example timm:{text or 'resnet18'}")
    return text


def _positive(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError("give a number from 1 to 64")
    return int(text)


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


def _serve(options: argparse.Namespace) -> int:
    from channelexplorer_dash.server.launch import serve

    settings = _settings(options, options.model, {"host": options.host, "port": options.port})
    _warn_of_random_weights(options, options.model)
    return serve(settings, workers=options.workers)


def _compute(options: argparse.Namespace) -> int:
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


def _report(options: argparse.Namespace) -> int:
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


def _layers(options: argparse.Namespace) -> int:
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


def _gc(options: argparse.Namespace) -> int:
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


def _doctor(options: argparse.Namespace) -> int:
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


def _models(options: argparse.Namespace) -> int:
    rows = [(m.name, m.source, m.weights, m.title) for m in _settings(options, options.model).models]
    _table(("name", "source", "weights", "title"), rows)
    return 0


def _datasets(options: argparse.Namespace) -> int:
    rows = [(d.name, d.kind, str(d.path or ""), d.title) for d in _settings(options, options.model).datasets]
    _table(("name", "kind", "path", "title"), rows)
    return 0


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
