"""An image with a channel's activation laid over it."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from channelexplorer_dash.layouts.attributes import aria, marks_image
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.images import ImageRow
from channelexplorer_dash.selection import ChannelMark, View


def overlaid(view: View, mark: ChannelMark, row: ImageRow, urls: Urls) -> Component:
    """Return one image with a channel laid over it, as a button that marks it."""
    said = f"{row.source}: {row.label_name}"
    return html.Button(
        [
            html.Img(
                src=urls.thumbnail(view.dataset, row.image_id), alt=row.label_name, className="ce-thumb"
            ),
            html.Img(src=urls.overlay(view, mark, row.image_id), alt="", className="ce-overlay"),
        ],
        className="ce-image",
        title=said,
        type="button",
        **aria(label=f"{said}. Marks this image."),
        **marks_image(row.image_id),
    )
