"""Every address that the page links to, under the prefix that the application is mounted at."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from channelexplorer_dash.selection import ChannelMark, View


@dataclass(frozen=True)
class Urls:
    """Addresses of one mounted application.

    Attributes
    ----------
    prefix
        Where the application answers, with a slash at both ends: ``/`` or ``/channels/``. Handed in
        and not asked of Dash, as several applications may live in one process.
    """

    prefix: str

    def home(self) -> str:
        """Return the address of the page in its first state."""
        return self.prefix

    def page(self, query: str) -> str:
        """Return the address of the page in the state that ``query`` (with its ``?``) describes."""
        return f"{self.prefix}{query}"

    def media(self, dataset: str) -> str:
        """Return the address below which the thumbnails of a dataset are found by ``image_id``."""
        return f"{self.prefix}media/{quote(dataset, safe='')}/"

    def thumbnail(self, dataset: str, image_id: int, size: int = 64) -> str:
        """Return the address of one image's thumbnail, at most ``size`` pixels wide and high."""
        return f"{self.media(dataset)}{image_id}?size={size}"

    def overlay(self, view: View, mark: ChannelMark, image_id: int) -> str:
        """Return the address of a channel's activation laid over one image."""
        parts = (view.model, view.dataset, mark.layer, str(mark.channel), str(image_id))
        path = "/".join(quote(part, safe="") for part in parts)
        return f"{self.prefix}overlay/{path}"
