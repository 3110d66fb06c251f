"""The page in Chromium: every control for every role, with the keyboard too; and nothing is asked of another host."""

import dataclasses
import re

import pytest
from playwright.sync_api import expect, sync_playwright

from goodpart import LiveInspector
from goodpart.bundle.device import device_path
from goodpart.drift import Drift, DriftAlarm, DriftPhase
from goodpart_station.codes import Bits, Command, State
from goodpart_station.tokens import Role
from page_station import READY, Station
from peers import program
from small_answers import good, near, refused, reject
from station_parts import small_store

WIDTHS = {"desktop": (1440, 900), "tablet": (820, 1180), "phone": (390, 844)}


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with LiveInspector(small_store(tmp_path_factory.mktemp("stores") / "bar"), threads=1) as made:
        yield made


@pytest.fixture(scope="module")
def browser():
    # as root, in a container: what it shows is this very test's
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        yield made
        made.close()


class NotedDrift:
    """A drift that notes what is asked of it."""

    state = None

    def __init__(self):
        self.asked = []

    def acknowledge(self):
        self.asked.append("acknowledge")

    def new_reference(self):
        self.asked.append("new reference")


@pytest.fixture(scope="module")
def station(tmp_path_factory, live):
    with Station(tmp_path_factory.mktemp("page"), live=live, drift=NotedDrift()) as made:
        made.put(good(1), near(2), refused(3), reject(4))
        yield made


@pytest.fixture
def visit(browser, station):
    """Opens the page as somebody. In the end no request has left the host, and the browser complains of nothing."""
    asked, complaints, contexts = [], [], []

    def open_page(role=None, *, width="desktop"):
        size = dict(zip(("width", "height"), WIDTHS[width], strict=True))
        context = browser.new_context(viewport=size)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        context.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(station.url)
        if role is not None:
            page.fill("#token", station.tokens[role])
            page.click("#ask-yes")
            expect(page.locator("#veil")).to_be_hidden()
            expect(page.locator("#station")).to_have_text("line1")
        return page

    yield open_page
    for context in contexts:
        context.close()
    station.line.now = READY
    station.line.commands.clear()
    station.page._gate._tries.clear()
    assert [url for url in asked if not url.startswith(station.url + "/")] == []
    # that a request was refused, or failed, is what some tests are about
    assert [line for line in complaints if not line.startswith("Failed to load resource")] == []


def confirm(page, control, yes):
    """Presses a control and answers its question. In the end the station has answered."""
    page.click(control)
    expect(page.locator("#ask-yes")).to_have_text(yes)
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.click("#ask-yes")
    expect(page.locator("#veil")).to_be_hidden()


def test_nobody_sees_anything_before_the_log_in(visit, station):
    page = visit()
    expect(page.locator("#ask-title")).to_have_text("Log in")
    expect(page.locator("#word")).to_have_text("LOG IN")
    assert "DEFECT" not in page.inner_text("main")
    page.fill("#token", "wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#ask-error")).to_contain_text("expected one of this station")
    page.fill("#token", station.tokens[Role.VIEWER])
    page.keyboard.press("Enter")
    expect(page.locator("#word")).to_have_text("DEFECT")
    expect(page.locator("#who")).to_have_text("viewer (viewer)")
    page.click("#logout")
    expect(page.locator("#ask-title")).to_have_text("Log in")
    expect(page.locator("#word")).to_have_text("LOG IN")


CHANGING = ["#halt", "#reset", "#resync", "#products", "#change", ".frame .row button", "#slider", "#set", "#own",
            "#acknowledge", "#reference"]  # fmt: skip


@pytest.mark.parametrize(
    ("role", "seen"), [(Role.VIEWER, []), (Role.OPERATOR, CHANGING[:6]), (Role.ENGINEER, CHANGING[:9])]
)
def test_a_role_sees_its_controls(visit, role, seen):
    page = visit(role)
    expect(page.locator(".frame")).to_have_count(4)
    if role is Role.ENGINEER:
        expect(page.locator("#slider")).to_be_visible()
    assert [control for control in CHANGING if page.locator(control).first.is_visible()] == seen


def test_what_a_viewer_can_do(visit):
    page = visit(Role.VIEWER)
    expect(page.locator("#caption")).to_have_text("Part 4: DEFECT")
    expect(page.locator("#strip button")).to_have_count(4)
    page.click("#strip button >> nth=3")
    expect(page.locator("#caption")).to_have_text("Part 1: GOOD")
    expect(page.locator("#strip [aria-current=true]")).to_have_attribute("aria-label", "Part 1: GOOD")
    assert page.evaluate("document.getElementById('picture').naturalWidth") == 20
    with page.expect_request(re.compile(r"/frame/1\.jpg\?boot=\w+$")):
        page.uncheck("#heat")
    page.check("#heat")
    page.click("#newest")
    expect(page.locator("#caption")).to_have_text("Part 4: DEFECT")
    page.click(".frame >> nth=1 >> button")
    expect(page.locator("#caption")).to_have_text("Part 3: REFUSED (kept frame)")
    for span in ("1", "24", "720", "8"):
        with page.expect_response(re.compile(rf"/trend\?hours={span}$")) as answer:
            page.click(f"#spans [data-hours='{span}']")
        assert answer.value.ok
        expect(page.locator("#spans [aria-pressed=true]")).to_have_attribute("data-hours", span)


def test_what_an_operator_can_do(visit, station):
    page = visit(Role.OPERATOR)
    card = page.locator(".frame", has_text="Part 4,")
    card.get_by_text("Confirm defect").click()
    expect(card).to_contain_text("Confirmed defect by operator")
    card.get_by_text("Confirm good").click()
    page.click("#ask-yes")
    expect(card).to_contain_text("Confirmed good by operator")
    # what waits for a label: neither this one, nor what nothing has judged
    page.click("#which [data-waiting='1']")
    expect(page.locator(".frame")).to_have_count(2)
    page.locator(".frame", has_text="Part 2,").get_by_text("Confirm good").click()
    expect(page.locator(".frame")).to_have_count(1)
    page.click("#which [data-waiting='']")
    expect(page.locator(".frame")).to_have_count(4)
    card.get_by_text("Confirm good", exact=True).click()
    expect(card).to_contain_text("Not confirmed")
    expect(page.locator(".frame", has_text="Part 3,").locator(".row")).to_have_count(0)
    confirm(page, "#halt", "Halt")
    page.select_option("#products", "2")
    confirm(page, "#change", "Change")
    for state, control, word in ((State.HALTED, "reset", "Reset"), (State.OUT_OF_STEP, "resync", "Resync")):
        expect(page.locator(f"#{control}")).to_be_disabled()
        station.says(state=state)
        expect(page.locator(f"#{control}")).to_be_enabled()
        confirm(page, f"#{control}", word)
    done = [Command.HALT, Command.PREPARE, Command.RESET, Command.RESYNC]
    assert station.line.commands == [(command, 2 * (command is Command.PREPARE), "operator") for command in done]


def test_no_question_is_a_no(visit, station):
    page = visit(Role.OPERATOR)
    page.click("#halt")
    expect(page.locator("#ask-no")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.locator("#ask-yes")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#ask-no")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#veil")).to_be_hidden()
    expect(page.locator("#halt")).to_be_focused()
    page.keyboard.press("Enter")
    page.click("#ask-no")
    assert station.line.commands == []


def test_what_an_engineer_can_do(visit, station, live):
    page = visit(Role.ENGINEER)
    own = live.inspector.calibration.threshold
    expect(page.locator("#threshold-now")).to_contain_text(f"{own:.3f} sigmas, the bundle's own")
    expect(page.locator("#own")).to_be_disabled()
    page.focus("#slider")
    page.keyboard.press("End")
    expect(page.locator("#rate")).to_contain_text("kept frames")
    highest = live.inspector.bundle.manifest.threshold_range.highest
    assert float(page.input_value("#value")) == pytest.approx(highest, abs=0.05 * highest)
    value = (own + highest) / 2
    page.fill("#value", f"{value:.3f}")
    expect(page.locator("#rate")).to_contain_text(f"At {value:.3f}: about")
    confirm(page, "#set", "Change")
    expect(page.locator("#threshold-now")).to_contain_text(f"{value:.3f} sigmas; the bundle's own is {own:.3f}")
    assert live.inspector.threshold == float(f"{value:.3f}")
    expect(page.locator("#notes")).to_contain_text("The threshold was moved on this PC")
    confirm(page, "#own", "Change")
    expect(page.locator("#threshold-now")).to_contain_text("the bundle's own")
    expect(page.locator("#notes")).not_to_contain_text("threshold")
    assert not device_path(live.inspector.bundle.folder).exists()


def test_drift_is_acknowledged_and_learned_anew(visit, station, monkeypatch):
    drift = station.around.drift
    monkeypatch.setattr(drift, "state", Drift().state, raising=False)
    page = visit(Role.ENGINEER)
    expect(page.locator("#drift-phase")).to_contain_text("Learning")
    expect(page.locator("#acknowledge")).to_be_disabled()
    confirm(page, "#reference", "Learn anew")
    alarm = DriftAlarm(frame=5300, since=5212, statistic="grey", direction="lower")
    alarmed = dataclasses.replace(Drift().state, phase=DriftPhase.ALARM, alarms=(alarm,))
    monkeypatch.setattr(drift, "state", alarmed, raising=False)
    expect(page.locator("#drift-alarms")).to_contain_text("darker since frame 5,212")
    confirm(page, "#acknowledge", "Acknowledge")
    expect(page.locator("#said")).to_have_text("Acknowledged.")
    assert drift.asked == ["new reference", "acknowledge"]


@pytest.mark.parametrize("width", WIDTHS)
def test_states_are_large_and_fit_the_screen(visit, station, width):
    page = visit(Role.ENGINEER, width=width)
    expect(page.locator("#word")).to_have_text("DEFECT")
    large = 45 if width == "phone" else 70
    assert page.evaluate("parseFloat(getComputedStyle(document.getElementById('word')).fontSize)") > large
    station.says(state=State.OUT_OF_STEP, why="2 triggers without a frame", bits=Bits(255))
    expect(page.locator("#word")).to_have_text("OUT OF STEP")
    expect(page.locator("#because")).to_have_text("2 triggers without a frame")
    expect(page.locator("#do")).to_contain_text("press Resync")
    expect(page.locator("#notes li")).to_have_count(len(Bits))
    # nothing sticks out to the side, and every button can be hit with a finger
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("((word) => word.scrollWidth <= word.clientWidth)(document.getElementById('word'))")
    heights = page.evaluate(
        "Array.from(document.querySelectorAll('main button')).filter((b) => b.offsetParent).map((b) => b.offsetHeight)"
    )
    assert min(heights) >= 36


def test_a_change_is_spoken(visit, station):
    page = visit(Role.VIEWER)
    assert page.get_attribute("#spoken", "aria-live") == "polite"
    expect(page.locator("#spoken")).to_contain_text("DEFECT")
    station.says(state=State.FAULT, why="camera: off")
    expect(page.locator("#spoken")).to_contain_text("FAULT. camera: off. Remove the cause")


def test_an_old_state_is_not_taken_for_the_present_one(visit, station):
    page = visit(Role.VIEWER)
    expect(page.locator("#lost")).to_be_hidden()
    # as if the cable had been pulled out: no message comes any more
    station.page._newest.replace, replace = (lambda data: None), station.page._newest.replace
    try:
        expect(page.locator("#lost")).to_be_visible(timeout=20_000)
        expect(page.locator("#verdict")).to_have_class(re.compile(r"\bold\b"))
    finally:
        station.page._newest.replace = replace
    expect(page.locator("#lost")).to_be_hidden()


def test_a_station_that_was_away_is_found_again(visit):
    page = visit(Role.VIEWER)
    expect(page.locator("#word")).to_have_text("DEFECT")
    # the stream is refused, and then nobody answers at all
    page.route("**/events", lambda route: route.fulfill(status=503))
    with page.expect_response("**/events"):
        page.reload()
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/me"), timeout=20_000):
        page.route("**/me", lambda route: route.abort())
    assert page.inner_text("#word") == "..."
    page.unroute("**/me")
    page.unroute("**/events")
    expect(page.locator("#word")).to_have_text("DEFECT", timeout=20_000)


def test_words_of_others_are_text_and_not_html(visit, station):
    station.says(state=State.FAULT, why="<img src=x onerror=alert(1)><b>bold</b>")
    page = visit(Role.VIEWER)
    expect(page.locator("#because")).to_have_text("<img src=x onerror=alert(1)><b>bold</b>")
    assert page.locator("#because *").count() == 0
