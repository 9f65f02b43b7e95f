"""One family of exceptions; every message says what is wrong and what to do."""

from __future__ import annotations


class ChannelExplorerError(Exception):
    """Base of every error that a person can mend.

    The message is shown on the page and in the terminal as it stands.
    ``status`` is the HTTP status with which a public endpoint answers.
    """

    status = 400


class SettingsError(ChannelExplorerError):
    """A settings file, environment variable or flag is wrong."""


class SelectionError(ChannelExplorerError):
    """A link or a request asks for something that is not valid."""


class UnknownNameError(ChannelExplorerError):
    """A model, dataset, layer, summary or image does not exist."""

    status = 404


class DatasetError(ChannelExplorerError):
    """The images or labels of a dataset cannot be used."""


class ModelError(ChannelExplorerError):
    """A model cannot be built, or its checkpoint cannot be loaded."""


class StoreError(ChannelExplorerError):
    """The store cannot be read or written (disk full, permissions)."""

    status = 503


class VanishedError(StoreError):
    """A result was removed while it was about to be read; it is computed anew when it is asked for again."""


class EngineError(ChannelExplorerError):
    """The engine cannot be reached, or a job failed in it."""

    status = 503


class JobFailedError(EngineError):
    """A job ended with an error; ``key`` names it, so that it can be retried."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


def unknown_name(what: str, name: str, known: list[str]) -> UnknownNameError:
    """Build the error for a name that is not among the known ones, with the nearest of them."""
    import difflib

    near = difflib.get_close_matches(name, known, n=3)
    hint = (
        f"Did you mean {' or '.join(repr(n) for n in near)}?" if near else f"Known: {', '.join(known[:12])}."
    )
    return UnknownNameError(f"There is no {what} {name[:80]!r}. {hint}")
