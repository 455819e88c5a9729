"""How this rtpose was installed, and so the command that adds a part to it."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname


def extra_command(extra: str) -> str:
    """The pip command that installs an extra: from the folder, archive or repository that rtpose came from."""
    checkout = Path(__file__).parents[1]
    if (checkout / "pyproject.toml").is_file():  # run from its sources
        return f"pip install -e '{checkout}[{extra}]'"
    try:
        origin = json.loads(metadata.distribution("rtpose").read_text("direct_url.json") or "{}")
        url = str(origin.get("url", ""))
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        origin, url = {}, ""
    if not url:
        return f"pip install 'rtpose[{extra}]'"
    if "vcs_info" in origin:
        return f"pip install 'rtpose[{extra}] @ {origin['vcs_info'].get('vcs', 'git')}+{url}'"
    if url.startswith("file:"):
        return f"pip install '{url2pathname(urlsplit(url).path)}[{extra}]'"
    return f"pip install 'rtpose[{extra}] @ {url}'"
