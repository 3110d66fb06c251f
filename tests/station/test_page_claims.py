"""The page in Chromium claims nothing that it does not know, asks before what lets a defect pass, and draws what is."""

import time

import pytest
from playwright.sync_api import expect, sync_playwright

from goodpart import LiveInspector
from goodpart.scoring.inspection import Verdict
from goodpart_station.tokens import Role
from page_station import Station
from peers import program
from small_answers import answer, good, inspection, reject
from station_parts import small_store

HIDDEN = ["#figure", "#strip", "#drift-phase", "#kept-none", "#product", "#state", "#counts", "#chart", "#room"]


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with LiveInspector(small_store(tmp_path_factory.mktemp("stores") / "bar"), threads=1) as made:
        yield made


@pytest.fixture
def station(tmp_path, live):
    with Station(tmp_path, live=live) as made:
        yield made


@pytest.fixture
def page(station):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        made = browser.new_page(viewport={"width": 1440, "height": 900})
        made.set_default_timeout(15_000)
        complaints = []
        made.on("pageerror", lambda error: complaints.append(str(error)))
        made.goto(station.url)
        yield made
        browser.close()
    assert complaints == []


def log_in(page, station, role):
    page.fill("#token", station.tokens[role])
    page.click("#ask-yes")
    expect(page.locator("#station")).to_have_text("line1")


def test_before_the_log_in_and_after_the_log_out_nothing_is_claimed(page, station):
    station.put(reject(1))
    expect(page.locator("#word")).to_have_text("LOG IN")
    assert [place for place in HIDDEN if page.locator(place).is_visible()] == []
    assert page.inner_text("main").split() == ["LOG", "IN"]
    log_in(page, station, Role.VIEWER)
    expect(page.locator("#drift-phase")).to_have_text("This station does not watch for drift.")
    expect(page.locator(".frame")).to_have_count(1)
    page.click("#logout")
    expect(page.locator("#word")).to_have_text("LOG IN")
    assert page.inner_text("main").split() == ["LOG", "IN"]


def test_an_unknown_frame_is_not_said_to_be_unjudged(page, station):
    station.put(answer(1, 1.0, inspection=inspection(1.0, verdict=Verdict.UNKNOWN)))
    # the draw keeps everything here
    station.ring._index._connection.execute("UPDATE frame SET kept_for = 'unknown'")
    log_in(page, station, Role.VIEWER)
    expect(page.locator(".frame")).to_contain_text("kept as UNKNOWN")


def test_a_label_against_the_verdict_is_asked_for(page, station):
    station.put(reject(1), good(2))
    log_in(page, station, Role.OPERATOR)
    labels = []
    page.on("request", lambda request: labels.append(request.post_data) if request.url.endswith("/label") else None)
    for seq, word, verdict in ((1, "good", "DEFECT, with score 9.00"), (2, "defect", "GOOD, with score 1.00")):
        card = page.locator(".frame", has_text=f"Part {seq},")
        card.get_by_text(f"Confirm {word}").click()
        expect(page.locator("#ask-title")).to_have_text(f"Confirm {word} against the verdict?")
        expect(page.locator("#ask-words")).to_contain_text(f"judged part {seq} {verdict}.")
        page.click("#ask-no")
        expect(card).to_contain_text("Not confirmed")
        assert labels == []
    card.get_by_text("Confirm good").click()
    expect(card).to_contain_text("Confirmed good by operator")
    assert len(labels) == 1


def test_a_higher_threshold_says_what_will_pass(page, station, live):
    log_in(page, station, Role.ENGINEER)
    limits, own = live.inspector.bundle.manifest.threshold_range, live.inspector.threshold
    expect(page.locator("#set")).to_be_visible()
    for value in ((own + limits.highest) / 2, (own + limits.lowest) / 2):
        page.fill("#value", f"{value:.3f}")
        page.click("#set")
        expect(page.locator("#ask-words")).to_contain_text(f"From {own:.3f} to {value:.3f} sigmas.")
        passes = f"parts with scores from {own:.3f} to {value:.3f}, which are rejected now, will pass as GOOD"
        assert (passes in page.inner_text("#ask-words")) == (value > own)
        page.click("#ask-no")
    assert live.inspector.threshold == own


def test_the_chart_shows_the_median_and_the_threshold_in_force(page, station, live):
    now = time.time() - 600
    station.put(*(answer(seq, 17.0, at=now + 60 * seq) for seq in range(1, 6)))
    station.settle(now + 500)
    log_in(page, station, Role.ENGINEER)
    page.click("#spans [data-hours='1']")
    line = page.locator("#chart .median")
    expect(line).to_have_count(1)
    top = min(float(pair.split(",")[1]) for pair in line.get_attribute("points").split())
    # below the upper edge of the chart, and so within its scale
    assert 10 < top < 40
    # it is drawn as wide as its place
    assert page.evaluate("document.querySelector('#chart svg').viewBox.baseVal.width") > 300
    own = live.inspector.threshold
    expect(page.locator("#chart .threshold-text")).to_have_text(f"threshold {own:.2f}")
    try:
        moved = (own + live.inspector.bundle.manifest.threshold_range.highest) / 2
        bundle = live.inspector.bundle.digest
        assert station.ask("/threshold", role=Role.ENGINEER, post={"value": moved, "bundle": bundle})[0] == 200
        expect(page.locator("#chart .threshold-text")).to_have_text(f"threshold {moved:.2f}", timeout=5_000)
    finally:
        station.ask("/threshold", role=Role.ENGINEER, post={"value": None, "bundle": bundle})
