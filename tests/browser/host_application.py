"""A host application with its own routes, login and CSRF protection, with ChannelExplorer mounted twice."""

from __future__ import annotations

import json
import os

from flask import Flask

from channelexplorer_dash import load_settings, mount
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.specs import DatasetSpec
from tests.server.test_mount import host

FIRST, SECOND = "/channels/", "/lab/channels/"
# Of this name, as the tests' package takes a developer's own CHANNELEXPLORER_* variables away.
SETTINGS = "TEST_HOST_SETTINGS"


def application() -> Flask:
    """Return the host; both mounts share a store and two models, and show the digits under two names."""
    flask_app = host()
    flask_app.get("/favicon.ico")(lambda: ("", 204))
    demo = load_settings([demo_settings_file()], flags=json.loads(os.environ[SETTINGS]))
    untrained = demo.models[0].model_copy(update={"name": "untrained", "weights": "random"})
    settings = demo.model_copy(update={"models": (*demo.models, untrained)})
    renamed = DatasetSpec(name="figures", kind="digits", model="digits-resnet")
    mount(flask_app, FIRST, settings)
    mount(flask_app, SECOND, settings.model_copy(update={"datasets": (renamed,)}))
    return flask_app
