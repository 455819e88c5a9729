"""The page in a browser: how tests open it, wait for it and look at it."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
from clips import Picture
from playwright.sync_api import Page

DESKTOP, PHONE = (1280, 720), (390, 844)
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
"""WebGL without a graphics card, and without the sandbox that containers lack the rights for."""
OpenPage = Callable[..., Page]
"""open(url, size, settings={}, before=..., **context) -> page. settings: what an earlier visit has left in the browser;
before: called with the page before it goes there."""
Keep = Callable[[Page, str], None]
"""keep(page, name): a screenshot for people to look at."""


def wait_for(page: Page, condition: str) -> None:
    """Wait for a JavaScript condition; `body` is `document.body.dataset`.

    Asked from here, for the page's security policy lets nobody evaluate text in it later.
    """
    deadline_s = time.monotonic() + 60
    while not page.evaluate(f"(body => {condition})(document.body.dataset)"):
        assert time.monotonic() < deadline_s, (condition, page.evaluate("({...document.body.dataset})"))
        page.wait_for_timeout(50)


def wait_for_people(page: Page, count: int = 1) -> None:
    """Wait until some frames were drawn, the last of them with so many people."""
    wait_for(page, f"body.state === 'live' && Number(body.frames) >= 3 && body.persons === '{count}'")


def scene(page: Page) -> Picture:
    """The 3D scene alone, without anything that lies over it."""
    style = page.add_style_tag(content="body > :not(main), #labels { visibility: hidden !important }")
    png = page.screenshot()
    style.evaluate("element => element.remove()")
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


def changed_pixels(a: Picture, b: Picture) -> int:
    return int((np.abs(a.astype(int) - b).max(2) > 40).sum())


def seek(page: Page, share: float) -> int:
    """Click on the time line; the frame that it then stands at."""
    box = page.locator("#scrub").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
    return int(page.input_value("#scrub"))
