"""A host application with its own routes, login and CSRF protection, with ChannelExplorer mounted twice."""

from __future__ import annotations

from flask import Flask

from channelexplorer_dash import load_settings, mount
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.specs import DatasetSpec
from tests.server.test_mount import host

FIRST, SECOND = "/channels/", "/lab/channels/"


def application() -> Flask:
    """Return the host; both mounts share a store and two models, and show the digits under two names."""
    flask_app = host()
    flask_app.get("/favicon.ico")(lambda: ("", 204))
    demo = load_settings([demo_settings_file()])
    untrained = demo.models[0].model_copy(update={"name": "untrained", "weights": "random"})
    settings = demo.model_copy(update={"models": (*demo.models, untrained)})
    renamed = DatasetSpec(name="figures", kind="digits", model="digits-resnet")
    mount(flask_app, FIRST, settings)
    mount(flask_app, SECOND, settings.model_copy(update={"datasets": (renamed,)}))
    return flask_app
