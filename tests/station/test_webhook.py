"""The webhook against a receiver of the standard library: signatures, tries, redirects, answers without end."""

import contextlib
import hashlib
import hmac
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from goodpart.errors import UsageError
from goodpart_station.sinks.courier import MAILBOX_RESULTS
from goodpart_station.sinks.settings import WebhookSettings
from goodpart_station.sinks.webhook import WebhookSink, pauses_s
from small_answers import answer
from small_broker import await_that, certify
from still_line import PlainMessages

SECRET = "0123456789abcdef"


class Receiver(ThreadingHTTPServer):
    """Answers with the statuses of a list, then with 200; keeps what was delivered."""

    daemon_threads = True

    def __init__(self, context=None):
        super().__init__(("127.0.0.1", 0), Handler)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.scheme = "http" if context is None else "https"
        self.statuses, self.tried, self.taken = [], [], []
        self.body, self.headers, self.closes, self.connections = b"ok", {}, False, 0
        self.blocked = threading.Event()
        self.blocked.set()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}/hook?line=1"

    def handle_error(self, request, client_address):
        pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        server.blocked.wait(30)
        status = server.statuses.pop(0) if server.statuses else 200
        server.tried.append((self.path, self.headers, body))
        if status == 200:
            server.taken.append(json.loads(body))
        self.send_response(status)
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(server.body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(server.body)
        if server.closes:
            # without a word, as a receiver does whose patience with an idle connection has ended
            self.close_connection = True

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(context=None):
    receiver = Receiver(context)
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.blocked.set()
        receiver.shutdown()
        thread.join()
        receiver.server_close()


@pytest.fixture
def receiver():
    with serving() as made:
        yield made


@pytest.fixture
def settings(receiver, tmp_path):
    return WebhookSettings(url=receiver.url, secret_file=secret_file(tmp_path))


def secret_file(folder):
    path = folder / "secret"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return path


@contextlib.contextmanager
def running(settings, *, paused=None):
    """A sink whose pauses take no time; `paused` gets them."""
    pauses = [] if paused is None else paused
    sink = WebhookSink(settings, PlainMessages(), boot="b00t", pause=pauses.append)
    sink.start()
    try:
        yield sink
    finally:
        sink.close()


def test_each_result_is_posted_once_signed_and_in_order(receiver, settings):
    with running(settings) as sink:
        for seq in range(1, 21):
            sink.put(answer(seq))
        await_that(lambda: len(receiver.taken) == 20)
    assert [each["seq"] for each in receiver.taken] == list(range(1, 21))
    for seq, (path, headers, body) in enumerate(receiver.tried, start=1):
        assert path == "/hook?line=1"
        assert headers["Content-Type"] == "application/json"
        assert headers["Goodpart-Event"] == "result"
        assert headers["Goodpart-Delivery"] == f"b00t-{seq}"
        expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert headers["Goodpart-Signature"] == f"sha256={expected}"
    assert receiver.connections == 1


def test_what_the_judge_found_too_late_is_a_delivery_of_its_own(receiver, settings):
    with running(settings) as sink:
        sink.put(answer(1, None))
        sink.put(answer(1, late=True))
        await_that(lambda: len(receiver.taken) == 2)
    assert [headers["Goodpart-Delivery"] for _, headers, _ in receiver.tried] == ["b00t-1", "b00t-1-late"]


def test_a_message_is_tried_again_until_it_is_taken(receiver, settings):
    receiver.statuses = [500, 503, 404, 401, 429, 302, 500, 500, 200]
    pauses = []
    with running(settings, paused=pauses) as sink:
        sink.put(answer(1))
        sink.put(answer(2))
        await_that(lambda: len(receiver.taken) == 2)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert [each["seq"] for each in receiver.taken] == [1, 2]
    deliveries = [headers["Goodpart-Delivery"] for _, headers, _ in receiver.tried]
    assert deliveries == ["b00t-1"] * 9 + ["b00t-2"]
    assert len({body for _, _, body in receiver.tried[:9]}) == 1


def test_pauses_grow_to_a_minute():
    pauses = pauses_s()
    assert [next(pauses) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_redirect_is_not_followed(receiver, settings, caplog):
    with serving() as elsewhere:
        receiver.statuses, receiver.headers = [302, 307], {"Location": elsewhere.url}
        with running(settings) as sink:
            sink.put(answer(1))
            await_that(lambda: receiver.taken)
        assert elsewhere.connections == 0
    assert "the answer 302; redirects are not followed" in caplog.text


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_body_that_is_never_taken_is_passed_over_and_told(receiver, settings, status):
    receiver.statuses = [status]
    with running(settings) as sink:
        sink.put(answer(1))
        sink.put(answer(2))
        await_that(lambda: receiver.taken)
        assert sink.dropped == 1
    assert receiver.taken == [{"seq": 2, "verdict": "GOOD", "dropped": 1}]


def test_a_receiver_that_does_not_answer_costs_the_oldest_results(receiver, settings):
    total = MAILBOX_RESULTS + 200
    receiver.blocked.clear()
    with running(settings) as sink:
        sink.put(answer(1))
        await_that(lambda: not sink._courier.waiting)
        for seq in range(2, total + 1):
            sink.put(answer(seq))
        assert sink.dropped == total - 1 - MAILBOX_RESULTS
        receiver.blocked.set()
        await_that(lambda: receiver.taken and receiver.taken[-1]["seq"] == total)
    first = total - MAILBOX_RESULTS + 1
    assert [each["seq"] for each in receiver.taken] == [1, *range(first, total + 1)]
    assert [each["dropped"] for each in receiver.taken[:3]] == [0, first - 2, 0]


def test_nobody_there_is_tried_again(tmp_path, settings, receiver):
    nowhere = WebhookSettings(url="http://127.0.0.1:9/", secret_file=settings.secret_file)
    pauses = []
    with running(nowhere, paused=pauses) as sink:
        sink.put(answer(1))
        await_that(lambda: len(pauses) > 3)
    assert pauses[:3] == [1.0, 2.0, 4.0]


def test_a_connection_that_was_closed_meanwhile_is_no_failure(receiver, settings):
    receiver.closes = True
    pauses = []
    with running(settings, paused=pauses) as sink:
        for seq in (1, 2, 3):
            sink.put(answer(seq))
        await_that(lambda: len(receiver.taken) == 3)
    assert pauses == []
    assert receiver.connections == 3


def test_a_long_answer_is_not_read_to_its_end(receiver, settings):
    receiver.body = b"x" * (8 << 20)
    with running(settings) as sink:
        sink.put(answer(1))
        await_that(lambda: receiver.taken)
        sink.put(answer(2))
        await_that(lambda: len(receiver.taken) == 2)
    assert receiver.connections == 2


def test_an_alarm_goes_before_the_results_that_wait(receiver, settings):
    receiver.blocked.clear()
    with running(settings) as sink:
        for seq in range(1, 4):
            sink.put(answer(seq))
        await_that(lambda: sink._courier.waiting == 2)
        sink.tell_alarm({"alarm": "DRIFT", "active": True})
        receiver.blocked.set()
        await_that(lambda: len(receiver.taken) == 4)
    assert [each.get("seq") for each in receiver.taken] == [1, None, 2, 3]
    assert receiver.tried[1][1]["Goodpart-Event"] == "alarm"
    assert receiver.tried[1][1]["Goodpart-Delivery"] == "b00t-alarm-1"


def test_a_station_ends_though_the_receiver_does_not_answer(receiver, settings, caplog):
    receiver.blocked.clear()
    sink = WebhookSink(settings, PlainMessages(), boot="b00t")
    sink.start()
    for seq in range(1, 11):
        sink.put(answer(seq))
    await_that(lambda: sink._courier.waiting == 9)
    sink.close()
    assert not sink._courier._thread.is_alive()
    assert "10 results were not delivered" in caplog.text


def test_a_certificate_that_is_not_trusted_gets_nothing(tmp_path, caplog):
    certificate, key = certify(tmp_path / "receiver")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    other, _ = certify(tmp_path / "other")
    with serving(context) as receiver:
        wrong = WebhookSettings(url=receiver.url, secret_file=secret_file(tmp_path), ca=other)
        with running(wrong) as sink:
            sink.put(answer(1))
            await_that(lambda: "CERTIFICATE_VERIFY_FAILED" in caplog.text)
        assert receiver.tried == []
        right = WebhookSettings(url=receiver.url, secret_file=secret_file(tmp_path), ca=certificate)
        with running(right) as sink:
            sink.put(answer(1))
            await_that(lambda: receiver.taken)


def test_a_certificate_for_another_name_gets_nothing(tmp_path, caplog):
    certificate, key = certify(tmp_path / "receiver", address="127.0.0.2")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(context) as receiver:
        wrong = WebhookSettings(url=receiver.url, secret_file=secret_file(tmp_path), ca=certificate)
        with running(wrong) as sink:
            sink.put(answer(1))
            await_that(lambda: "IP address mismatch" in caplog.text)
        assert receiver.tried == []


def test_a_short_secret_is_refused(tmp_path):
    path = tmp_path / "secret"
    path.write_text("short")
    path.chmod(0o600)
    with pytest.raises(UsageError, match=r"\[sink\.webhook\] secret_file: expected one line of 16"):
        WebhookSink(WebhookSettings(url="http://127.0.0.1", secret_file=path), PlainMessages(), boot="b00t")


def test_check_connects_and_posts_nothing(receiver, settings):
    assert "can be reached" in WebhookSink(settings, PlainMessages(), boot="b00t").check()
    assert receiver.tried == []
    nowhere = WebhookSettings(url="http://127.0.0.1:9/", secret_file=settings.secret_file)
    with pytest.raises(UsageError, match=r"\[sink\.webhook\] http://127\.0\.0\.1:9/: expected a receiver, found none"):
        WebhookSink(nowhere, PlainMessages(), boot="b00t").check()
