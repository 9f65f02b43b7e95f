"""What the command line understands: the commands, and the options of each."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

from channelexplorer_dash.choices import Granularity, Summary
from channelexplorer_dash.cli import commands

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


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    top = argparse.ArgumentParser(
        prog="channelexplorer",
        description="See how the layers and channels of an image model take classes apart.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    adding = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    serve = adding.add_parser("serve", help="serve the page", description="Serve the page with gunicorn.")
    _sources(serve)
    serve.add_argument("--host", help="address to listen on (127.0.0.1; 0.0.0.0 for every network)")
    serve.add_argument("--port", type=int, help="port to listen on (8050; 0 takes a free one)")
    serve.add_argument(
        "--workers", type=_positive, default=2, metavar="N", help="server processes (%(default)s)"
    )
    serve.set_defaults(run=commands.run_serve)

    compute = adding.add_parser(
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
    compute.set_defaults(run=commands.run_compute)

    report = adding.add_parser(
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
    report.set_defaults(run=commands.run_report)

    layers = adding.add_parser(
        "layers", help="list the layers of a model", description="List a model's layers."
    )
    layers.add_argument("model", metavar="MODEL", help="a registered model, or timm:<architecture>")
    _config(layers)
    _granularity(layers, None)
    layers.set_defaults(run=commands.run_layers)

    tidy = adding.add_parser(
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
    tidy.set_defaults(run=commands.run_gc)

    doctor = adding.add_parser(
        "doctor",
        help="check the installation and the settings",
        description="Check the installation, the settings and what they name, and say what is wrong and what "
        "to do. Nothing is changed or downloaded. The exit status is 0 where there is no problem, 1 else.",
    )
    _sources(doctor)
    doctor.add_argument("--no-engine", action="store_true", help="neither join nor start an engine")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.set_defaults(run=commands.run_doctor)

    for what in ("models", "datasets"):
        listing = adding.add_parser(what, help=f"list the {what}", description=f"List the registered {what}.")
        _sources(listing)
        listing.set_defaults(run=commands.run_models if what == "models" else commands.run_datasets)
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
