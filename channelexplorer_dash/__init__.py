"""ChannelExplorer: how the layers and channels of an image model take classes apart.

The public names are loaded when they are first used, so that ``import channelexplorer_dash`` costs
next to nothing and a web process never imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from channelexplorer_dash.datasets.registration import register_dataset
    from channelexplorer_dash.explorer import Explorer
    from channelexplorer_dash.models.registry import register_object as register_model
    from channelexplorer_dash.server.app import create_app
    from channelexplorer_dash.server.local import explore
    from channelexplorer_dash.server.mount import mount
    from channelexplorer_dash.settings import Settings, load_settings

    __version__: str

__all__ = [
    "Explorer",
    "Settings",
    "__version__",
    "create_app",
    "explore",
    "load_settings",
    "mount",
    "register_dataset",
    "register_model",
]

_HOMES = {
    "Explorer": ("explorer", "Explorer"),
    "Settings": ("settings", "Settings"),
    "create_app": ("server.app", "create_app"),
    "explore": ("server.local", "explore"),
    "load_settings": ("settings", "load_settings"),
    "mount": ("server.mount", "mount"),
    "register_dataset": ("datasets.registration", "register_dataset"),
    "register_model": ("models.registry", "register_object"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("channelexplorer-dash")
    elif name in _HOMES:
        module, attribute = _HOMES[name]
        value = getattr(import_module(f"{__name__}.{module}"), attribute)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
