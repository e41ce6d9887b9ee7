"""A real Chromium without a window, asked over its own protocol through a pipe.

Two pipes and JSON between zero bytes are all that Chromium's DevTools protocol needs: no driver,
no download, and no open port.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
"""The system's browser, or None."""

_FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--remote-debugging-pipe",
]  # fmt: skip

# Chromium reads from descriptor 3 and writes to 4, whatever the numbers here.
_START = """
import fcntl, os, sys
# Copied out of the way first: either may be 3 or 4 already.
taken, given = (fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3])
os.dup2(taken, 3), os.dup2(given, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """A running Chromium with an empty profile. Close it.

    Args:
        profile: An empty folder.
    """

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM
        taken, self._commands = os.pipe()
        self._answers, given = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(taken), str(given), CHROMIUM, *_FLAGS,
             f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(taken, given), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(taken)
        os.close(given)
        self._number, self._read = 0, b""
        self.events: list[dict[str, Any]] = []

    def send(self, method: str, session: str | None = None, **given: Any) -> dict[str, Any]:
        """Ask for something of the protocol, and wait for the answer."""
        self._number += 1
        asked = {"id": self._number, "method": method, "params": given}
        if session:
            asked["sessionId"] = session
        os.write(self._commands, json.dumps(asked).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == self._number:
                assert "error" not in message, message
                return dict(message["result"])
            self.events.append(message)

    def _next(self, patience: float = 30) -> dict[str, Any]:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._answers], [], [], patience)
            assert ready, "the browser says nothing"
            part = os.read(self._answers, 1 << 20)
            assert part, "the browser ended"
            self._read += part
        line, _, self._read = self._read.partition(b"\0")
        return dict(json.loads(line))

    def close(self) -> None:
        with contextlib.suppress(OSError, AssertionError):
            self.send("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    @contextlib.contextmanager
    def tab(self, url: str, width: int = 1200, *, dark: bool = False) -> Iterator[Tab]:
        """A tab with its own cookies and storage, closed in the end.

        What the page complains of, a breach of its policy included, is an error.
        """
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send(
            "Target.createTarget", url="about:blank", browserContextId=context
        )["targetId"]  # fmt: skip
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session, context)
        for domain in ("Page", "Runtime", "Log", "DOM", "Accessibility", "Network"):
            tab.send(f"{domain}.enable")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        tab.send("Emulation.setEmulatedMedia", features=[scheme])
        tab.resize(width)
        try:
            tab.open(url)
            yield tab
            assert tab.complaints() == []
        finally:
            self.events.clear()
            self.send("Target.disposeBrowserContext", browserContextId=context)


class Tab:
    """A page in the browser, and someone in front of it."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser, self._session, self.context = browser, session, context

    def send(self, method: str, **given: Any) -> dict[str, Any]:
        return self._browser.send(method, self._session, **given)

    def open(self, url: str) -> None:
        self.send("Page.navigate", url=url)
        self.wait(f"document.readyState === 'complete' && location.href.startsWith({url!r})")

    def resize(self, width: int, height: int = 900) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
            mobile=False,
        )  # fmt: skip

    def run(self, code: str) -> Any:
        """The value of an expression in the page."""
        found = self.send(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, code: str, patience: float = 15) -> Any:
        """The value of an expression as soon as it is true."""
        end = time.monotonic() + patience
        while not (value := self.run(code)):
            assert time.monotonic() < end, f"{code} never came true:\n{self.text('body')}"
            time.sleep(0.02)
        return value

    def text(self, selector: str) -> str:
        """What is to be read in an element; hidden parts are not."""
        return str(self.run(f"document.querySelector({selector!r}).innerText"))

    def press(self, key: str, modifiers: int = 0) -> None:
        """Press a key; 2 is Ctrl, 8 is Shift."""
        codes = {"Tab": 9, "Enter": 13, " ": 32, "ArrowDown": 40}
        named = {"key": key, "code": "Space" if key == " " else key, "modifiers": modifiers,
                 "windowsVirtualKeyCode": codes[key]}  # fmt: skip
        said = {"text": {"Enter": "\r", " ": " "}[key]} if key in {"Enter", " "} else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", **named, **said)
        self.send("Input.dispatchKeyEvent", type="keyUp", **named)

    def write(self, text: str) -> None:
        """Type into what has the focus, as an input method does."""
        self.send("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse."""
        x, y = self.middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def middle(self, selector: str) -> tuple[float, float]:
        place = self.run(
            f"(() => {{ const e = document.querySelector({selector!r});"
            " e.scrollIntoView({block: 'center', behavior: 'instant'});"
            " const b = e.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        return place[0], place[1]

    def drop(self, path: Path, selector: str = "body") -> None:
        """Drag a file from elsewhere over an element and let it go there."""
        x, y = self.middle(selector)
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.send("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def download_to(self, folder: Path) -> None:
        self._browser.send(
            "Browser.setDownloadBehavior", behavior="allow", browserContextId=self.context,
            downloadPath=str(folder),
        )  # fmt: skip

    def picture(self, path: Path) -> None:
        """Save what the whole page looks like as a PNG."""
        found = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(b64decode(found["data"]))

    def spoken(self) -> list[tuple[str, str]]:
        """Role and name of each node that a screen reader comes by."""
        nodes = self.send("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node.get("ignored")
        ]

    def complaints(self) -> list[str]:
        """Errors of scripts, breaches of the policy, files that were not there.

        An answer that is no success is one to the browser, and not to a page that expects it.
        """
        self.run("0")  # What has happened until now has been told then.
        found = []
        for event in self._browser.events:
            given = event.get("params", {})
            if event.get("sessionId") != self._session:
                continue
            if event["method"] == "Runtime.exceptionThrown":
                found.append(json.dumps(given["exceptionDetails"]))
            if event["method"] == "Log.entryAdded" and given["entry"]["level"] == "error":
                entry = given["entry"]
                if entry["source"] != "network" or "/static/" in entry.get("url", ""):
                    found.append(entry["text"])
        return found
