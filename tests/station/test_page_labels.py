"""A list of frames that moves under the pointer: nobody labels a frame that they did not aim at."""

import pytest
from playwright.sync_api import expect, sync_playwright

from goodpart_station.tokens import Role
from page_station import Station
from peers import program
from small_answers import BOOT, good, near


@pytest.fixture
def page():
    # as root, in a container: what it shows is this very test's
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        made = browser.new_page()
        made.set_default_timeout(15_000)
        yield made
        browser.close()


def enter(page, station):
    page.goto(station.url)
    page.fill("#token", station.tokens[Role.OPERATOR])
    page.click("#ask-yes")
    expect(page.locator(".frame")).to_have_count(2)
    stand_still(page, 1e12)


def stand_still(page, now_ms):
    page.evaluate(f"Date.now = () => {now_ms}")


def middle(page, part):
    box = page.locator(".frame", has_text=f"Part {part},").get_by_text("Confirm good").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def label_of(station, seq):
    return station.ring.frames.frame_of(BOOT, seq).label


def test_a_second_press_does_not_label_the_frame_that_has_moved_up(tmp_path, page):
    with Station(tmp_path) as station:
        station.put(good(1), near(2))
        enter(page, station)
        page.click("#which [data-waiting='1']")
        expect(page.locator(".frame")).to_have_count(2)
        page.locator(".frame", has_text="Part 2,").scroll_into_view_if_needed()
        place = middle(page, 2)
        page.mouse.click(*place)
        expect(page.locator(".frame")).to_have_count(1)
        assert middle(page, 1) == pytest.approx(place, abs=5)
        page.mouse.click(*place)
        expect(page.locator("#said")).to_have_text("The list has moved. Look at the frame, and press again.")
        assert (label_of(station, 2), label_of(station, 1)) == ("good", None)
        stand_still(page, 1e12 + 1000)
        page.mouse.click(*place)
        expect(page.locator(".frame")).to_have_count(0)
        assert label_of(station, 1) == "good"


def test_a_frame_that_comes_meanwhile_is_not_labelled_by_mistake(tmp_path, page):
    page.add_init_script(
        "const every = window.setInterval; window.setInterval = (what, ms) => { if (ms === 10000) window.load = what; "
        "return every(what, ms === 10000 ? 1e9 : ms); };"
    )
    with Station(tmp_path) as station:
        station.put(good(1), near(2))
        enter(page, station)
        station.put(good(3))
        page.evaluate("window.load()")
        expect(page.locator(".frame")).to_have_count(3)
        page.locator(".frame", has_text="Part 3,").get_by_text("Confirm good").click()
        expect(page.locator("#said")).to_contain_text("The list has moved")
        assert label_of(station, 3) is None
