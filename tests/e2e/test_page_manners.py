"""How the page behaves: keys and help, settings that stay, themes, touch, accessibility, sizes, reduced motion."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from moving_people import Feed, feeding
from pages import DESKTOP, PHONE, Keep, OpenPage, changed_pixels, scene, wait_for, wait_for_people
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
OTHER = {"dark": "light", "light": "dark"}


@pytest.fixture(scope="module")
def feed() -> Iterator[Feed]:
    with feeding(can_record=True) as feed:
        yield feed


def stored(page: Page) -> dict[str, object]:
    settings: dict[str, object] = page.evaluate("JSON.parse(localStorage.rtpose ?? '{}')")
    return settings


def test_keys_help_and_settings_that_stay(open_page: OpenPage, keep: Keep, feed: Feed) -> None:
    page = open_page(feed.url)
    wait_for_people(page)
    before = {
        "follow": True,
        "trails": True,
        "names": False,
        "scale": True,
        "angles": True,
        "picture": True,
        "figures": True,
    }
    for key, name in zip("ftnmavi", before, strict=True):
        page.keyboard.press(key)
        assert stored(page)[name] is not before[name], f"{key} does not change {name}"
    page.keyboard.press("b")
    assert stored(page)["style"] == "mannequin"
    page.keyboard.press("?")
    assert page.is_visible("#help")
    keep(page, "help-desktop")
    said = page.inner_text("#help")
    for words in (
        "Next body style",
        "Trunk lean",
        "straight is 0°",
        "not calibrated",
        "low confidence",
        "Save the motion",
    ):
        assert words in said
    page.keyboard.press("t")  # keys are not for the page while the help is open
    assert stored(page)["trails"] is False
    page.keyboard.press("Escape")
    assert not page.is_visible("#help")

    page.reload()
    wait_for_people(page)
    for selector, pressed in (
        ("#tools [data-setting=follow]", "false"), ("#tools [data-setting=names]", "true"),
        ("#menu [data-value=mannequin]", "true"), ("#menu [data-value=capsules]", "false"),
    ):  # fmt: skip
        assert page.get_attribute(selector, "aria-pressed") == pressed
    assert not page.is_visible("#angles")
    assert not page.is_visible("#figures")
    # What an older or a broken page has left there does no harm.
    page.evaluate("localStorage.rtpose = JSON.stringify({ style: 'gold', trails: 'yes', follow: false })")
    page.reload()
    wait_for_people(page)
    assert page.get_attribute("#menu [data-value=capsules]", "aria-pressed") == "true"
    assert page.get_attribute("#tools [data-setting=trails]", "aria-pressed") == "true"
    assert page.get_attribute("#tools [data-setting=follow]", "aria-pressed") == "false"


def test_themes(open_page: OpenPage, keep: Keep, feed: Feed) -> None:
    def brightness() -> float:
        return float(np.median(scene(page)[:100]))

    page = open_page(feed.url, color_scheme="light")
    wait_for_people(page)
    assert brightness() > 200, "the system's choice is not followed"
    keep(page, "light-desktop")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(500)
    assert brightness() < 40
    page.click("[popovertarget=menu]")
    page.click("#menu [data-value=light]")
    page.wait_for_timeout(500)
    assert brightness() > 200, "a choice of one's own counts more than the system's"
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    page.wait_for_timeout(500)
    assert brightness() < 40


@pytest.mark.parametrize(("size", "theme"), [(DESKTOP, "dark"), (PHONE, "light")], ids=["desktop", "phone"])
def test_accessible_names_contrast_and_room(
    theme: str, size: tuple[int, int], open_page: OpenPage, keep: Keep, feed: Feed
) -> None:
    everything = {"theme": theme, "angles": True, "figures": True, "names": False}
    page = open_page(feed.url, size, settings=everything)
    wait_for_people(page)
    page.wait_for_timeout(800)
    keep(page, f"{theme}-{'desktop' if size == DESKTOP else 'phone'}-full")
    # Contrast is measured against the ground: what is behind a panel's last tenth may be anything of the scene.
    page.add_style_tag(content="#stage { visibility: hidden }")
    for part in ("page", "menu", "help"):
        if part == "menu":
            page.click("[popovertarget=menu]")
        if part == "help":
            page.click("#menu [data-action=help]")
        result = Axe().run(page, options=RULES)
        assert result.violations_count == 0, (part, result.generate_report())
        if size == PHONE and part != "page":
            keep(page, f"{part}-phone")
        if part != "menu":  # the other theme, too
            page.evaluate("([theme]) => { document.documentElement.dataset.theme = theme }", [OTHER[theme]])
            result = Axe().run(page, options=RULES)
            assert result.violations_count == 0, (part, OTHER[theme], result.generate_report())
            page.evaluate("([theme]) => { document.documentElement.dataset.theme = theme }", [theme])
    page.keyboard.press("Escape")

    # Nothing is wider than the screen, and no two controls lie over each other.
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    covered = page.evaluate(
        """() => [...document.querySelectorAll('#tools button, #top, .fold, #people button')].filter(e => {
            const b = e.getBoundingClientRect();
            if (b.width === 0) return false;
            const inside = b.left >= 0 && b.top >= 0 && b.right <= innerWidth && b.bottom <= innerHeight;
            const top = document.elementFromPoint(b.left + b.width - 4, b.top + b.height / 2);
            return !inside || !(top === e || e.contains(top));
        }).map(e => e.outerHTML.slice(0, 90))"""
    )
    if size == DESKTOP:
        assert covered == []
    else:  # the figures scroll on a phone
        assert [html for html in covered if "data-who" not in html] == []


def test_focus_is_seen_and_keys_reach_everything(open_page: OpenPage, keep: Keep, feed: Feed) -> None:
    page = open_page(feed.url, settings={"trails": False})
    wait_for_people(page)
    reached = []
    for _ in range(24):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            "[document.activeElement.ariaLabel ?? document.activeElement.textContent.trim(),"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        if page.evaluate("document.activeElement === document.body"):
            break  # once around
        reached.append(name)
        assert outline == "solid", f"the focus on {name} is not seen"
    for name in ("Front", "Follow", "Angles", "Record", "Help", "Menu", "person 1"):
        assert name in reached
    # Space presses the button that has the focus.
    page.focus("#tools [data-setting=trails]")
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press(" ")
    assert stored(page)["trails"] is True


def test_touch_and_reduced_motion_on_a_phone(open_page: OpenPage, keep: Keep, feed: Feed) -> None:
    page = open_page(
        feed.url, PHONE, has_touch=True, reduced_motion="reduce", settings={"trails": False, "follow": False}
    )
    wait_for_people(page)
    page.tap("[data-view=side]")
    page.wait_for_timeout(400)
    assert page.get_attribute("[data-view=side]", "aria-pressed") == "true"
    assert page.evaluate("document.getAnimations().length") == 0
    keep(page, "side-phone")
    # One finger turns, a tap on a joint names it.
    touch = page.context.new_cdp_session(page)
    before = scene(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    send("touchStart", (195, 500))
    for step in range(1, 6):
        send("touchMove", (195 + 20 * step, 500))
    send("touchEnd")
    page.wait_for_timeout(500)
    assert page.get_attribute("[data-view=side]", "aria-pressed") == "false"
    assert changed_pixels(before, scene(page)) > 300
    # Two fingers that part go nearer.
    page.tap("[data-view=front]")
    page.wait_for_timeout(400)
    page.keyboard.press("n")
    page.wait_for_timeout(400)

    def trunk_px() -> float:
        """From one shoulder to the hip below it, by the names at the joints."""
        names = page.locator("#labels span:not([hidden])")
        boxes = [names.get_by_text(joint, exact=True).bounding_box() for joint in ("left shoulder", "left hip")]
        assert boxes[0] is not None
        assert boxes[1] is not None
        return abs(boxes[0]["y"] - boxes[1]["y"])

    far = trunk_px()
    send("touchStart", (185, 500), (205, 500))
    for step in range(1, 6):
        send("touchMove", (185 - 2 * step, 500), (205 + 2 * step, 500))
    send("touchEnd")
    page.wait_for_timeout(500)
    assert trunk_px() > 1.2 * far > 0
    wait_for(page, "body.state === 'live'")
