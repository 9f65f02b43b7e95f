"""The façade: a selection goes in, an answer comes out, at once or as a job that is under way."""

from channelexplorer_dash.explorer.facade import Explorer

__all__ = ["Explorer"]
