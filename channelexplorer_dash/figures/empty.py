"""A figure that says in words why there is nothing to see, and what to do."""

from __future__ import annotations

import textwrap

from channelexplorer_dash.figures import theme
from channelexplorer_dash.figures.binary import Figure, figure


def empty_figure(message: str) -> Figure:
    """Return a figure with a message in its middle, in lines of about 40 characters."""
    lines = [line for paragraph in message.splitlines() for line in textwrap.wrap(paragraph, 40) or [""]]
    text = "<br>".join(line.replace("&", "&amp;").replace("<", "&lt;") for line in lines)
    annotation = {
        "text": text,
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
        "align": "center",
        "font": {"size": 13},
    }
    hidden = theme.bare_axis(visible=False, fixedrange=True)
    return figure(
        [],
        layout=theme.layout(
            "empty", message, xaxis=hidden, yaxis=hidden, dragmode=False, annotations=[annotation]
        ),
    )
