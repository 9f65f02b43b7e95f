"""The content-addressed store: keys, schemas, atomic publishing, lock-free reading."""

from channelexplorer_dash.store.files import Kind, Store, StoreSize
from channelexplorer_dash.store.jobs import JobBoard, Marker
from channelexplorer_dash.store.keys import about_key, digest, moments_key

__all__ = ["JobBoard", "Kind", "Marker", "Store", "StoreSize", "about_key", "digest", "moments_key"]
