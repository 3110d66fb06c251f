"""Webhook: each result and each alarm, posted to an address, signed, and tried again until it is taken."""

import contextlib
import hashlib
import hmac
import http.client
import logging
import socket
import time
from collections.abc import Callable, Iterator

from goodpart.errors import UsageError
from goodpart_station.mailbox import Mailbox
from goodpart_station.part import Result
from goodpart_station.sinks.announce import Makes, Plain, encode
from goodpart_station.sinks.courier import Courier
from goodpart_station.sinks.secrets import read_secret, tls_context
from goodpart_station.sinks.settings import WebhookSettings

SIGNATURE, DELIVERY, EVENT = "Goodpart-Signature", "Goodpart-Delivery", "Goodpart-Event"
"""The names of our headers."""

_LEAST_SECRET_BYTES = 16
_LONGEST_PAUSE_S = 60.0
_ALARMS = 100
_END_S = 0.5
_NEVER_TAKEN = frozenset({400, 413, 422})
"""Answers that say that this very body will not be taken later either."""

_MOST_BODY_BYTES = 1 << 16
_LOG = logging.getLogger(__name__)


def signature(secret: bytes, body: bytes) -> str:
    """What `Goodpart-Signature` holds for a body: RFC 2104 with SHA-256, hexadecimal."""
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


def pauses_s() -> Iterator[float]:
    """How long to wait before each further try: 1, 2, 4, 8, 16, 32, then 60 for ever."""
    pause_s = 1.0
    while True:
        yield min(pause_s, _LONGEST_PAUSE_S)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


class WebhookSink:
    """Posts messages one after the other, in their order; an alarm goes before the results that wait.

    A message is delivered when the receiver answers with 2xx. Redirects are not followed: they would take a signed
    result to an address that nobody has configured.
    """

    name = "webhook"

    def __init__(
        self,
        settings: WebhookSettings,
        messages: Makes,
        *,
        boot: str,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Connects to nothing yet.

        Args:
            settings: as configured.
            messages: makes the message of a result.
            boot: the start of this station; with the part's number it names a delivery.
            pause: waits for so many seconds, or less when the station ends; for tests.

        Raises:
            UsageError: a file of the settings cannot be used.
        """
        self._settings, self._messages, self._boot = settings, messages, boot
        secret = read_secret(settings.secret_file, where="[sink.webhook] secret_file", least_bytes=_LEAST_SECRET_BYTES)
        self._secret = secret.encode()
        self._tls = tls_context(settings.ca, where="[sink.webhook] ca") if settings.uses_tls else None
        self._courier = Courier("webhook", self._deliver_result, idle=self._deliver_alarms)
        self._pause = self._courier.closing.wait if pause is None else pause
        self._alarms: Mailbox[Plain] = Mailbox(_ALARMS)
        self._connection: http.client.HTTPConnection | None = None
        self._told, self._refused, self._unsent, self._alarms_told = 0, 0, 0, 0
        self._trouble = ""

    @property
    def dropped(self) -> int:
        """How many results were dropped, or refused by the receiver, since the start."""
        return self._courier.dropped + self._refused

    def put(self, result: Result) -> None:
        """Hands a result over without waiting."""
        self._courier.put(result)

    def start(self) -> None:
        """Starts the thread."""
        self._courier.start()

    def close(self) -> None:
        """Delivers what still waits, as long as the receiver takes it, for at most two seconds, and ends."""
        has_ended = self._courier.close()
        connection = self._connection
        if connection is not None and not has_ended:
            # the thread waits for an answer; this ends it
            with contextlib.suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)
            has_ended = self._courier.close(_END_S)
        if connection is not None and has_ended:
            connection.close()
        if lost := self._unsent + self._courier.waiting:
            _LOG.warning("webhook: the station ends, and %d results were not delivered", lost)

    def check(self) -> str:
        """Connects to the receiver and posts nothing, for `goodpart-station check`; returns what it found.

        Raises:
            UsageError: it cannot be reached, or its certificate is not what the settings ask for.
        """
        try:
            self._connect()
        except OSError as error:
            url = self._settings.url
            raise UsageError(
                f"[sink.webhook] {url}: expected a receiver, found none ({error}); look at address and certificate"
            ) from error
        finally:
            self._disconnect()
        return f"{self._settings.url} can be reached"

    def tell_state(self, plain: Plain) -> None:
        """Nothing: a receiver sees the results, and alarms."""

    def tell_stats(self, plain: Plain) -> None:
        """Nothing: a receiver sees the results."""

    def tell_alarm(self, plain: Plain) -> None:
        """Posts an alarm that has come or gone."""
        self._alarms.put(plain)

    def _deliver_result(self, result: Result) -> None:
        dropped = self.dropped - self._told
        body = self._messages.line(result, dropped=dropped)
        # a part that was late is told twice: that it had no verdict in time, and what the judge found
        delivery = f"{self._boot}-{result.part.seq}{'-late' if result.late else ''}"
        if self._deliver("result", delivery, body):
            self._told += dropped
        elif self._courier.closing.is_set():
            self._unsent += 1
        else:
            self._refused += 1

    def _deliver_alarms(self) -> None:
        """After each result, so that an alarm waits for one at most."""
        while (plain := self._alarms.take(0)) is not None:
            self._alarms_told += 1
            self._deliver("alarm", f"{self._boot}-alarm-{self._alarms_told}", encode(plain))

    def _deliver(self, event: str, delivery: str, body: bytes) -> bool:
        """Posts until the receiver takes the message, or says that it never will; False also if the station ends."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "goodpart-station",
            EVENT: event,
            DELIVERY: delivery,
            SIGNATURE: signature(self._secret, body),
        }
        pauses = pauses_s()
        while not self._courier.is_overdue:
            status, trouble = self._post(body, headers)
            if 200 <= status < 300:
                self._trouble = ""
                return True
            self._say(trouble)
            if status in _NEVER_TAKEN or self._courier.closing.is_set():
                return False
            self._pause(next(pauses))
        return False

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """The answer's status and what is wrong with it; 0 without an answer."""
        try:
            # a receiver may have closed the connection since the last message, which says nothing about this one
            if (status := self._ask(body, headers) if self._connection is not None else None) is None:
                self._connect()
                status = self._ask(body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._disconnect()
            return 0, f"no answer ({error or type(error).__name__})"
        if status is None:
            return 0, "no answer (the connection was closed)"
        hint = "; redirects are not followed, correct the url" if 300 <= status < 400 else ""
        return status, f"the answer {status}{hint}"

    def _ask(self, body: bytes, headers: dict[str, str]) -> int | None:
        """The answer's status, or None if the connection was closed before it."""
        connection = self._connection
        if connection is None:
            return None
        try:
            connection.request("POST", self._settings.target, body, headers)
            answer = connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self._disconnect()
            return None
        self._pass_over(answer)
        return answer.status

    def _pass_over(self, answer: http.client.HTTPResponse) -> None:
        """Reads what the receiver says, as far as it is short, so that the connection can be used again."""
        ends_at = time.monotonic() + self._settings.timeout_s
        length, part = 0, b" "
        # the status counts, whatever becomes of the rest
        with contextlib.suppress(OSError, http.client.HTTPException):
            while part and length < _MOST_BODY_BYTES and time.monotonic() < ends_at:
                part = answer.read1(4096)
                length += len(part)
        answer.close()
        if part or answer.will_close:
            self._disconnect()

    def _connect(self) -> None:
        settings = self._settings
        if self._tls is None:
            connection = http.client.HTTPConnection(settings.host, settings.port, timeout=settings.timeout_s)
        else:
            connection = http.client.HTTPSConnection(
                settings.host, settings.port, timeout=settings.timeout_s, context=self._tls
            )
        self._connection = connection
        connection.connect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _say(self, trouble: str) -> None:
        """Once for each kind of trouble, until a message is taken."""
        if trouble != self._trouble:
            self._trouble = trouble
            _LOG.warning("webhook: expected %s to take a message, found %s; results wait", self._settings.url, trouble)
