"""MQTT: each result, the state, alarms and figures, to a broker."""

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from goodpart.errors import UsageError
from goodpart_station.part import Result
from goodpart_station.sinks.alarms import AlarmKind
from goodpart_station.sinks.announce import Makes, Plain, encode
from goodpart_station.sinks.courier import Courier
from goodpart_station.sinks.mqtt_client import IN_FLIGHT, QOS, make_client, stop
from goodpart_station.sinks.mqtt_probe import probe
from goodpart_station.sinks.settings import MqttSettings

if TYPE_CHECKING:
    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

OFFLINE = b'{"state":"OFFLINE"}'
"""The last will, and what a station that ends says itself."""

_STATE, _RESULT, _STATS = "state", "result", "stats"
_AWAIT_S = 0.25
_GOODBYE_S = 1.0

_KEPT = (0, 4)
"""What paho's publish returns for a message that it has sent, or keeps until there is a connection."""

_LOG = logging.getLogger(__name__)


def alarm_topic(kind: str) -> str:
    """Where an alarm is told, below the station's topic. Each has its own: a broker retains one message of a topic."""
    return f"alarm/{kind.lower()}"


class MqttSink:
    """Publishes to `goodpart/<station>/result`, `/state`, `/alarm/<name>` and `/stats`, all with QoS 1.

    The judging thread only fills the mailbox. The sink's own thread turns results into JSON and hands them to paho,
    whose thread talks to the broker. While `IN_FLIGHT` messages wait for their receipt, the others wait in the mailbox.
    State and alarms are retained, and told again after each new connection.
    """

    name = "mqtt"

    def __init__(self, settings: MqttSettings, messages: Makes, *, station: str) -> None:
        """Connects to nothing yet.

        Args:
            settings: as configured.
            messages: makes the message of a result.
            station: its name, part of every topic.

        Raises:
            MissingExtraError: paho-mqtt is not installed.
            UsageError: the name cannot be part of a topic, or a file of the settings cannot be used.
        """
        if not station or not station.isprintable() or any(each in station for each in "/+#"):
            raise UsageError(f"[station] name: expected one without / + # for the topics of MQTT, found {station!r}")
        self._messages, self._station = messages, station
        self._root = f"goodpart/{station}"
        self._client = make_client(settings, client_id=f"goodpart-{station}")
        self._settings = settings
        self._client.will_set(f"{self._root}/{_STATE}", OFFLINE, qos=QOS, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._courier = Courier("mqtt", self._publish_result, idle=self._publish_news, every_s=_AWAIT_S)
        self._lock = threading.Lock()
        # what the broker shall retain: an empty message takes away what a killed station has left
        self._retained = {alarm_topic(kind.name): b"" for kind in AlarmKind}
        # by topic and whether it is retained; only the newest of each
        self._news: dict[tuple[str, bool], bytes] = {}
        self.window = IN_FLIGHT
        """How many messages may wait for their receipt: `IN_FLIGHT`, or fewer if the broker wants that."""
        self._sent, self._received, self._repeated = 0, 0, 0
        self._receipt = threading.Event()
        self._told, self._refused, self._unsent = 0, 0, 0
        self._is_connected = False
        self._troubles: set[str] = set()

    @property
    def dropped(self) -> int:
        """How many results were dropped, or refused by the broker, since the start."""
        return self._courier.dropped + self._refused

    @property
    def is_connected(self) -> bool:
        """Whether the broker has let this station in, and no end of the connection was noticed since."""
        return self._is_connected

    def put(self, result: Result) -> None:
        """Hands a result over without waiting."""
        self._courier.put(result)

    def start(self) -> None:
        """Starts to connect, and goes on until the broker is there."""
        self._client.connect_async(self._settings.host, self._settings.port, keepalive=self._settings.keepalive_s)
        self._client.loop_start()
        self._courier.start()

    def close(self) -> None:
        """Publishes what still waits, if the broker takes it within two seconds, says OFFLINE, and ends."""
        self._courier.close()
        ends_at, is_said = time.monotonic() + _GOODBYE_S, False
        while self._is_connected and time.monotonic() < ends_at:
            # the broker forgets the last will of a client that says goodbye
            is_said = is_said or self._publish(_STATE, OFFLINE, retain=True)
            if is_said and not self._in_flight:
                break
            self._await_receipt()
        stop(self._client)
        if lost := self._unsent + self._courier.waiting + self._in_flight:
            _LOG.warning("mqtt: the station ends, and the broker has not confirmed %d messages", lost)

    def check(self) -> str:
        """Tries the broker, for `goodpart-station check`; returns what it found.

        Raises:
            UsageError: as `probe`.
        """
        probe(self._settings, station=self._station)
        return f"{self._settings.url} passes messages on"

    def tell_state(self, plain: Plain) -> None:
        """Publishes the state; the broker retains it."""
        self._keep(_STATE, encode(plain))

    def tell_alarm(self, plain: Plain) -> None:
        """Publishes an alarm; the broker retains it until it has gone."""
        topic, payload = alarm_topic(str(plain["alarm"])), encode(plain)
        if plain["active"]:
            self._keep(topic, payload)
            return
        self._add_news(topic, payload, retain=False)
        self._keep(topic, b"")

    def tell_stats(self, plain: Plain) -> None:
        """Publishes figures; nobody wants old ones later."""
        self._add_news(_STATS, encode(plain), retain=False)

    def _keep(self, topic: str, payload: bytes) -> None:
        with self._lock:
            self._retained[topic] = payload
        self._add_news(topic, payload, retain=True)

    def _add_news(self, topic: str, payload: bytes, *, retain: bool) -> None:
        with self._lock:
            # a new connection begins with all that is retained
            if self._is_connected:
                self._news[topic, retain] = payload

    @property
    def _in_flight(self) -> int:
        return self._sent - self._received

    def _publish_result(self, result: Result) -> None:
        """Waits for room in flight, and publishes. The message that is waiting tells of no drop after it."""
        dropped = self.dropped - self._told
        payload = self._messages.line(result, dropped=dropped)
        while not self._publish(_RESULT, payload, retain=False):
            if self._courier.is_overdue or (self._courier.closing.is_set() and not self._is_connected):
                self._unsent += 1
                return
            self._await_receipt()
            self._publish_news()
        self._told += dropped

    def _await_receipt(self) -> None:
        self._receipt.wait(_AWAIT_S)
        self._receipt.clear()

    def _publish_news(self) -> None:
        """Publishes what was told beside results, as far as there is room."""
        while True:
            with self._lock:
                key = next(iter(self._news), None)
                payload = b"" if key is None else self._news[key]
            if key is None or not self._publish(key[0], payload, retain=key[1]):
                return
            with self._lock:
                # it may have changed meanwhile
                if self._news.get(key) is payload:
                    del self._news[key]

    def _publish(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """Hands a message to paho; False if that has to wait. Only one thread may call this."""
        # paho publishes anew what the last connection has left, which must be there first: order, and the newest state
        if not self._is_connected or self._received < self._repeated or self._in_flight >= self.window:
            return False
        # before publish, because the receipt may come before it returns
        self._sent += 1
        code = self._client.publish(f"{self._root}/{topic}", payload, qos=QOS, retain=retain).rc
        if code in _KEPT:
            return True
        self._sent -= 1
        return False

    def _on_connect(
        self,
        _client: "Client",
        _data: Any,
        _flags: "ConnectFlags",
        reason: "ReasonCode",
        properties: "Properties | None",
    ) -> None:
        if reason.is_failure:
            self._say(f"mqtt: the broker does not let this station in: {reason}")
            return
        # paho does not look at it, and a broker may end the connection of a client that sends more
        self.window = min(IN_FLIGHT, getattr(properties, "ReceiveMaximum", IN_FLIGHT))
        self._repeated = self._sent
        with self._lock:
            # an OFFLINE from before may be retained, and so may alarms
            self._news = {(topic, True): payload for topic, payload in self._retained.items()}
            self._is_connected = True
        self._troubles.clear()
        _LOG.info("mqtt: connected to %s", self._settings.url)

    def _on_connect_fail(self, _client: "Client", _data: Any) -> None:
        self._say(f"mqtt: expected a broker at {self._settings.url}, found none; results wait, the oldest are dropped")

    def _on_disconnect(
        self, _client: "Client", _data: Any, _flags: "DisconnectFlags", reason: "ReasonCode", _properties: Any
    ) -> None:
        self._is_connected = False
        if not self._courier.closing.is_set():
            self._say(f"mqtt: the connection has ended: {reason}; trying again")

    def _on_publish(self, _client: "Client", _data: Any, _mid: int, reason: "ReasonCode", _properties: Any) -> None:
        self._received += 1
        if reason.is_failure:
            self._refused += 1
            self._say(f"mqtt: the broker does not take a message: {reason}")
        self._receipt.set()

    def _say(self, trouble: str) -> None:
        """Once for each kind of trouble, until the broker is there again."""
        if trouble not in self._troubles:
            self._troubles.add(trouble)
            _LOG.warning("%s", trouble)
