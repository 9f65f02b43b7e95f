"""The embedded demo: scikit-learn's digits and a small ResNet trained on them."""

from __future__ import annotations

from pathlib import Path


def demo_settings_file() -> Path:
    """Return the settings file of the demo, for :func:`channelexplorer_dash.settings.load_settings`.

    Its checkpoint lies beside it in the installed package, so that the demo runs from a wheel as
    from a checkout.
    """
    return Path(__file__).with_name("demo.toml")
