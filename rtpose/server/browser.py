"""Opens the page in the browser without showing the token to other users of the machine.

All users can read the command lines of all programs, so an address with a token must not be in the browser's. The
browser gets a file instead, which only this user can read and which redirects to the page. A cookie would not work:
browsers send cookies of one port to all ports of the host, including other users' servers.
"""

from __future__ import annotations

import atexit
import html
import os
import sys
import tempfile
import threading
import webbrowser
from pathlib import Path

KEPT_S = 30.0
"""Time for the browser to start and read the file."""


def open_in_browser(url: str, *, is_secret: bool) -> None:
    """Open a page. is_secret: the address contains a token."""
    if not is_secret:
        webbrowser.open(url)
        return
    try:
        file = write_redirect(url)
    except OSError:  # the address was printed
        return
    atexit.register(file.unlink, missing_ok=True)
    timer = threading.Timer(KEPT_S, file.unlink, kwargs={"missing_ok": True})
    timer.daemon = True
    timer.start()
    webbrowser.open(file.as_uri())


def write_redirect(url: str) -> Path:
    """A new file that redirects a browser to `url`, readable by this user only. Errors: `OSError`."""
    link = html.escape(url, quote=True)
    descriptor, name = tempfile.mkstemp(prefix="rtpose-", suffix=".html", dir=_folder())
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(
            '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>rtpose</title>'
            f'<meta http-equiv="refresh" content="0; url={link}"><a href="{link}">Open the page</a>\n'
        )
    return Path(name)


def _folder() -> Path | None:
    """Where browsers may read. Sandboxed ones on Linux (snap, Flatpak) see no temporary folder, but downloads."""
    downloads = Path.home() / "Downloads"
    return downloads if sys.platform == "linux" and os.access(downloads, os.W_OK | os.X_OK) else None
