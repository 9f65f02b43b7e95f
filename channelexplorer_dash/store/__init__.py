"""The content-addressed store: keys, schemas, atomic publishing, lock-free reading."""

from channelexplorer_dash.store.files import Kind, Store
from channelexplorer_dash.store.jobs import JobBoard, Marker
from channelexplorer_dash.store.keys import digest

__all__ = ["JobBoard", "Kind", "Marker", "Store", "digest"]
