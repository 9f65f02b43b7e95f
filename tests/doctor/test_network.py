"""The address of ``serve``."""

from __future__ import annotations

import socket
import threading

from werkzeug.serving import make_server

from channelexplorer_dash import Settings, create_app
from channelexplorer_dash.doctor.network import check_port


def at(settings: Settings, port: int) -> Settings:
    return settings.model_copy(update={"host": "127.0.0.1", "port": port})


def test_a_free_port_is_ok_and_a_taken_one_a_problem(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        # Not listening yet, so that asking who is there fails at once.
        found = check_port(at(settings, port))
        assert found.level == "problem" and f":{port}" in found.found and "--port" in found.found
    assert check_port(at(settings, port)).level == "ok"


def test_an_address_of_another_machine_is_a_problem(settings: Settings) -> None:
    found = check_port(settings.model_copy(update={"host": "no-such-host.invalid"}))
    assert found.level == "problem" and "Cannot listen on" in found.found


def test_our_own_server_may_be_there_already(settings: Settings) -> None:
    server = make_server("127.0.0.1", 0, create_app(settings).server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        found = check_port(at(settings, server.server_port))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert found.level == "ok" and "already" in found.found
