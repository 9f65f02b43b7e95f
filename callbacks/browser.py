"""Callbacks that run in the browser: the functions of ``assets/``."""

from __future__ import annotations

from dash import ClientsideFunction


def script(name: str) -> ClientsideFunction:
    """Return a function of the page's script by name."""
    return ClientsideFunction(namespace="channelexplorer", function_name=name)
