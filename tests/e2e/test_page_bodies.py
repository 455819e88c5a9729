"""Bodies on the page: their joints, angles, contacts, and the floor that they stand on."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from pages import PHONE, Keep, OpenPage, wait_for, wait_for_people
from playwright.sync_api import Page
from standing_body import KNEES_DEG, SIZE, standing_result

from rtpose import __version__
from rtpose.server import protocol
from rtpose.server.server import PoseServer
from rtpose.skeleton import RTPOSE28

pytestmark = pytest.mark.browser


class Stand:
    """A server whose person stands there; `known`: whether gravity and floor are."""

    def __init__(self) -> None:
        self.known = True
        hello = protocol.hello(
            server_version=__version__, skeleton=RTPOSE28, sources=[("yard.mp4", SIZE)], live=True,
            estimator="synthetic", assumptions=[], server_ns=0, height_m=1.83, height_from="as given",
        )  # fmt: skip
        self.server = PoseServer(hello=hello, port=0)
        self.server.start()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._ending.wait(0.1):
            number += 1
            self.server.publish(standing_result(number, known=self.known))

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()
        self.server.close()


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    stand = Stand()
    yield stand
    stand.stop()


def place(page: Page, joint: str) -> tuple[float, float]:
    """Where a joint's name is on the screen, px."""
    found = page.locator("#labels span:not([hidden])").get_by_text(joint, exact=True)
    x, y = re.findall(r"translate\(([-\d.]+)px, ([-\d.]+)px\)", found.evaluate("e => e.style.transform"))[0]
    return float(x), float(y)


def test_a_body_stands_level_on_the_floor_that_rtpose_knows(open_page: OpenPage, keep: Keep, stand: Stand) -> None:
    page = open_page(stand.server.url, settings={"names": True, "trails": False, "style": "mannequin"})
    wait_for_people(page)
    page.keyboard.press("1")
    page.wait_for_timeout(2500)
    keep(page, "body-desktop")
    named = set(page.locator("#labels .joint:not([hidden])").all_inner_texts())
    assert {"nose", "left heel", "right toe", "left index"} <= named
    # The camera was rolled by 12 degrees and looked down: on the page the person is upright, seen from the front.
    head, root = place(page, "head"), place(page, "root")
    assert abs(head[0] - root[0]) < 0.06 * abs(head[1] - root[1])
    left, right = place(page, "left foot"), place(page, "right foot")
    assert abs(left[1] - right[1]) < 4, "the feet stand at different heights"
    knees = page.locator("#angles tbody tr", has_text="Knee").locator("output").all_inner_texts()
    assert knees == [f"{KNEES_DEG:.0f}°"] * 2
    assert page.locator("#angles tbody tr", has_text="Trunk lean").locator("output").inner_text() in ("0°", "1°")
    assert page.evaluate("document.body.dataset.standing") == "1", "the left foot stands, the right one does not"
    assert "1.83 m" in page.inner_text("#stats")


def test_a_floor_that_becomes_known_moves_nobody_in_a_jump(open_page: OpenPage, keep: Keep, stand: Stand) -> None:
    stand.known = False
    page = open_page(stand.server.url, PHONE, settings={"names": True, "trails": False, "follow": False})
    wait_for_people(page)
    page.wait_for_timeout(1500)
    before = place(page, "head")
    stand.known = True
    steps = []
    for _ in range(25):
        page.wait_for_timeout(100)
        steps.append(place(page, "head"))
    keep(page, "body-phone")
    way = max(abs(x - before[0]) + abs(y - before[1]) for x, y in steps)
    assert way > 15, "the floor was not taken"
    wait_for(page, "body.state === 'live'")
