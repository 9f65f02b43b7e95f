"""ChannelExplorer from a script or a notebook: everything in the caller's own process."""

from __future__ import annotations

import contextlib
import html
import sys
import threading
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from channelexplorer_dash.datasets.registration import register_dataset
from channelexplorer_dash.errors import SettingsError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.models.registry import register_object as register_model
from channelexplorer_dash.server.app import create_app
from channelexplorer_dash.server.launch import address
from channelexplorer_dash.server.security import NOTEBOOK_ANCESTORS
from channelexplorer_dash.settings import load_settings
from channelexplorer_dash.specs import DatasetSpec, ModelSpec, name_of


class Exploration:
    """A running page.

    Attributes
    ----------
    url
        Address to open in a browser on this machine.
    explorer
        The façade that the page asks, for use from Python.
    """

    def __init__(self, explorer: Explorer, host: str, port: int) -> None:
        self.explorer = explorer
        self._server = _listen(explorer, host, port)
        self.url = address(host, self._server.server_port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="channelexplorer", daemon=True
        )
        self._thread.start()

    def wait(self) -> None:
        """Serve until the page is stopped, or until Ctrl-C."""
        try:
            while self._thread.is_alive():
                self._thread.join(0.5)
        except KeyboardInterrupt:
            self.stop()

    def stop(self) -> None:
        """Stop serving and end the engine; what was computed stays in the store. May be called twice."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.explorer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<ChannelExplorer at {self.url}>"

    def _repr_html_(self) -> str:
        url = html.escape(self.url)
        return (
            f'<p><a href="{url}" target="_blank" rel="noopener">ChannelExplorer at {url}</a></p>'
            f'<iframe src="{url}" title="ChannelExplorer" width="100%" height="820" '
            'style="border: thin solid; border-radius: 4px"></iframe>'
        )


def explore(
    model: Any,
    dataset: Any,
    *,
    name: str | None = None,
    dataset_name: str | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    class_names: Sequence[str] | None = None,
    store: Path | str | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    open_browser: bool | None = None,
    block: bool = False,
    **settings: Any,
) -> Exploration:
    """Open the page on a model and a dataset of this process.

    Parameters
    ----------
    model
        A ``torch.nn.Module``, a function that returns one, a
        :class:`~channelexplorer_dash.specs.ModelSpec`, or a source such as ``"timm:resnet18"``.
    dataset
        A ``torch.utils.data.Dataset`` (or anything with a length) of (image, label), a
        :class:`~channelexplorer_dash.specs.DatasetSpec`, or the path of a folder of images.
    name, dataset_name
        What the page calls them; by default the names of their classes.
    preprocessing
        As in :class:`~channelexplorer_dash.specs.ModelSpec`.
    class_names
        Names of the classes, in the order of the integer labels.
    store
        Folder of everything computed.
    host, port
        Where to listen; port 0 takes a free one.
    open_browser
        Whether to open the page in the browser; by default not in a notebook, which shows it itself.
    block
        Whether to serve until Ctrl-C, as a script needs.
    **settings
        Any further field of :class:`channelexplorer_dash.Settings`.

    Returns
    -------
    Exploration
        With ``url``, ``explorer`` and ``stop()``; a notebook shows it as the page itself.

    Raises
    ------
    ChannelExplorerError
        If the model, the dataset or a setting cannot be used.
    """
    chosen = load_settings(
        flags={
            "models": [_model(model, name, preprocessing)],
            "datasets": [_dataset(dataset, dataset_name, class_names)],
            "store": store,
            "engine": "inline",
            "host": host,
            "port": port,
            **settings,
        }
    )
    explorer = Explorer(chosen)
    # Here, and not first on the page, does a person learn that the images cannot be used.
    explorer.dataset(chosen.datasets[0].name)
    running = Exploration(explorer, host, port)
    if open_browser or (open_browser is None and not _in_notebook()):
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(running.url)
    if block:
        sys.stdout.write(f"ChannelExplorer is at {running.url}  (Ctrl-C stops it)\n")
        sys.stdout.flush()
        running.wait()
    return running


class _Quiet(WSGIRequestHandler):
    """No line in the caller's notebook for every request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def _listen(explorer: Explorer, host: str, port: int) -> BaseWSGIServer:
    app = create_app(explorer, frame_ancestors=NOTEBOOK_ANCESTORS)
    try:
        return make_server(host, port, app.server, threaded=True, request_handler=_Quiet)
    except (OSError, OverflowError, SystemExit) as error:
        # werkzeug exits the process where the port is taken, which must not happen in a notebook.
        raise SettingsError(
            f"Cannot listen on {host}:{port}. Choose another port, or 0 for a free one."
        ) from error


def _model(
    model: Any, name: str | None, preprocessing: Mapping[str, Any] | None
) -> ModelSpec | dict[str, Any]:
    if isinstance(model, ModelSpec):
        return model
    if isinstance(model, str):
        called = name or name_of(model.partition(":")[2])
        return {"name": called, "source": model, "preprocessing": dict(preprocessing or {})}
    try:
        return register_model(model, name or name_of(type(model).__name__), preprocessing=preprocessing)
    except ValidationError as error:
        raise SettingsError(
            f"{str(name)[:80]!r} cannot be a model's name: use letters, digits, '.', '_', '-' and spaces."
        ) from error


def _dataset(
    dataset: Any, name: str | None, class_names: Sequence[str] | None
) -> DatasetSpec | dict[str, Any]:
    if isinstance(dataset, DatasetSpec):
        return dataset
    if isinstance(dataset, (str, Path)):
        path = Path(dataset).expanduser().resolve()
        return {
            "name": name or name_of(path.name),
            "kind": "folder",
            "path": path,
            "class_names": class_names,
        }
    return register_dataset(dataset, name or name_of(type(dataset).__name__), class_names=class_names)


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules
