"""A browser's page under watch: whatever it should not do is noted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request, Response

# What the machine's lack of a graphics card makes Chromium say about WebGL is no fault of the page.
OF_THE_DRIVER = re.compile(r"GL Driver Message|software WebGL|GPU stall", re.IGNORECASE)

LONGEST = 300


class Watch:
    """Notes console errors and warnings, page errors, refused requests, and requests to other hosts."""

    def __init__(self, page: Page, address: str) -> None:
        self.faults: list[str] = []
        self._host = urlsplit(address).netloc
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._note(f"page error: {error}"))
        page.on("request", self._request)
        page.on("response", self._response)
        page.on("requestfailed", self._failed)

    @contextmanager
    def expecting(self, *patterns: str) -> Iterator[None]:
        """Forgive the faults that match one of ``patterns``; each of these must come up."""
        before = len(self.faults)
        yield
        found, self.faults[before:] = self.faults[before:], []
        for pattern in patterns:
            assert any(re.search(pattern, fault) for fault in found), (pattern, found)
        self.faults += [fault for fault in found if not any(re.search(p, fault) for p in patterns)]

    def _note(self, fault: str) -> None:
        self.faults.append(fault[:LONGEST])

    def _console(self, message: ConsoleMessage) -> None:
        address = message.location.get("url", "")
        # Of pages that name no icon, which are not ours, Chromium asks for one of this name.
        wanted = message.type in {"error", "warning"} and not address.endswith("/favicon.ico")
        if wanted and not OF_THE_DRIVER.search(message.text):
            self._note(f"console {message.type}: {message.text} ({address})")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != self._host:
            self._note(f"request to another host: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self._note(f"answer {response.status}: {response.request.method} {response.url}")

    def _failed(self, request: Request) -> None:
        # A page that is left gives up what it was still waiting for.
        if request.failure != "net::ERR_ABORTED":
            self._note(f"request failed: {request.failure} {request.url}")
