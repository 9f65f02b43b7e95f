"""The production server of ``channelexplorer serve``: gunicorn, in this process."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.errors import ChannelExplorerError, SettingsError
from channelexplorer_dash.settings import Settings, load_settings
from channelexplorer_dash.specs import DatasetSpec, ModelSpec

if TYPE_CHECKING:
    from gunicorn.workers.base import Worker

WORKERS = 2
THREADS = 8
# The longest request line that gunicorn can be told to take; a link's query has up to 8,000 characters.
REQUEST_LINE = 8190
# gunicorn restarts a worker that does not come up for ever, except after this exit status.
DO_NOT_RESTART = 4


def gather_settings(
    config: Iterable[Path] = (),
    *,
    flags: Mapping[str, Any] | None = None,
    models: Iterable[ModelSpec | dict[str, Any]] = (),
    datasets: Iterable[DatasetSpec | dict[str, Any]] = (),
    demo: bool = False,
) -> Settings:
    """Read the settings, and add models and datasets that were declared beside them.

    The demo is added where it is asked for, and where nothing else is declared.

    Raises
    ------
    SettingsError
        If a value is wrong, or two models or datasets have the same name.
    """
    files = tuple(config)
    settings = load_settings(files, flags=flags)
    found_models = (*settings.models, *models)
    found_datasets = (*settings.datasets, *datasets)
    if demo or not (found_models or found_datasets):
        shown = load_settings([demo_settings_file()], environment=False)
        found_models, found_datasets = (*shown.models, *found_models), (*shown.datasets, *found_datasets)
    return load_settings(files, flags={**(flags or {}), "models": found_models, "datasets": found_datasets})


def serve(settings: Settings, *, workers: int = WORKERS, threads: int = THREADS) -> int:
    """Serve the page until the process is told to stop; return the exit status.

    Parameters
    ----------
    workers, threads
        Processes, and threads of each. With the ``inline`` engine there is one process, as its work
        lives in it.

    Raises
    ------
    SettingsError
        If there is nothing to serve, or the address is taken or not ours.
    """
    from gunicorn.app.base import BaseApplication
    from gunicorn.errors import HaltServer

    if not settings.models or not settings.datasets:
        missing = "model" if not settings.models else "dataset"
        raise SettingsError(
            f"No {missing} is declared. Add one to a settings file (--config), with --model and --images, "
            "or look at the demo with --demo."
        )

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            options = {
                "bind": _bind(settings.host, settings.port),
                "workers": 1 if settings.engine == "inline" else workers,
                "worker_class": "gthread",
                "threads": threads,
                "timeout": 120,
                "graceful_timeout": 10,
                "limit_request_line": REQUEST_LINE,
                "loglevel": "warning",
                "proc_name": "channelexplorer",
                "control_socket_disable": True,
                "post_fork": self.forked,
                "post_worker_init": announce,
            }
            for name, value in options.items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def forked(self, _: object, worker: Worker) -> None:
            self.first = worker.age == 1

        def load(self) -> Any:
            # In the worker, after the fork: polars starts threads, which a fork would lose.
            from channelexplorer_dash.server.app import create_app

            try:
                return create_app(settings).server
            except ChannelExplorerError as error:
                # Every worker fails alike; one of them says why.
                sys.stderr.write(f"channelexplorer: {error}\n" if self.first else "")
                sys.exit(DO_NOT_RESTART)

    check_address(settings.host, settings.port)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    parent = os.getpid()
    try:
        Application().run()
    except SystemExit as stopped:
        # The workers are forks that come through here too; gunicorn reads their exit status.
        if os.getpid() != parent:
            raise
        return 0 if stopped.code in (None, 0) else 2
    except HaltServer:
        # Raised past gunicorn's own handling where several workers fail at once; each has said why.
        return 2
    return 0


def check_address(host: str, port: int) -> None:
    """Find out at once what gunicorn would try for five seconds; raise SettingsError where it is not free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SettingsError(
            f"Cannot listen on {host}:{port} ({reason}). Choose another with --host and --port; "
            "--port 0 takes a free one."
        ) from error


def announce(worker: Worker) -> None:
    """Print the address, now that the first worker answers."""
    if worker.age > 1:
        return
    for listener in worker.sockets:
        host, port = listener.sock.getsockname()[:2]
        sys.stdout.write(f"ChannelExplorer is at {address(host, port)}  (Ctrl-C stops it)\n")
    sys.stdout.flush()


def address(host: str, port: int) -> str:
    """Return the address to open in a browser for what a server listens on."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{reachable}:{port}/"


def _bind(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
