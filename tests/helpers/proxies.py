"""The way to the web as tests want it: what the machine's own proxies are must not matter."""

from __future__ import annotations

import os

import pytest


def straight(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxies: servers on this machine are reached."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("urllib.request._opener", None)  # it keeps the proxies of its first use


def no_web(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing outside this machine is reached."""
    straight(monkeypatch)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
