"""Whether a broker lets the station in and passes its messages on: one message to itself, for `check`."""

import os
import threading
from typing import TYPE_CHECKING, Any

from goodpart.errors import UsageError
from goodpart_station.sinks.mqtt_client import QOS, make_client, stop
from goodpart_station.sinks.settings import MqttSettings

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

WITHIN_S = 10.0
"""How long a broker may take."""


def probe(settings: MqttSettings, *, station: str, within_s: float = WITHIN_S) -> None:
    """Publishes a message and waits for it. A running station is not disturbed.

    Args:
        settings: of the broker.
        station: the station's name.
        within_s: how long all of it may take.

    Raises:
        UsageError: the broker is not there, does not let the station in, or does not pass messages on.
    """
    client = make_client(settings, client_id=f"goodpart-{station}-check-{os.getpid()}")
    topic, payload, came = f"goodpart/{station}/probe", os.urandom(8), threading.Event()
    got_to = "no connection"

    def connected(_client: "Client", _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        nonlocal got_to
        if reason.is_failure:
            got_to = str(reason)
            came.set()
            return
        got_to = "no leave to subscribe"
        client.subscribe(topic, qos=QOS)

    def subscribed(_client: "Client", _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        nonlocal got_to
        if not any(reason.is_failure for reason in reasons):
            got_to = "no message back"
            client.publish(topic, payload, qos=QOS)

    def received(_client: "Client", _data: Any, message: "MQTTMessage") -> None:
        nonlocal got_to
        if message.payload == payload:
            got_to = ""
            came.set()

    client.on_connect, client.on_subscribe, client.on_message = connected, subscribed, received
    client.connect_async(settings.host, settings.port, keepalive=settings.keepalive_s)
    client.loop_start()
    came.wait(within_s)
    stop(client)
    if got_to:
        raise UsageError(
            f"[sink.mqtt] {settings.url}: expected a broker that passes a message on topic {topic}, found {got_to}; "
            f"look at address, user, certificate and the rights of the user"
        )
