"""The connection to an MQTT broker: paho's client with our settings."""

import logging
import threading
from typing import TYPE_CHECKING

from goodpart_station.sinks.extra import missing
from goodpart_station.sinks.secrets import read_secret, tls_context
from goodpart_station.sinks.settings import MqttSettings

if TYPE_CHECKING:
    from paho.mqtt.client import Client

IN_FLIGHT = 50
"""Messages that wait for the broker's receipt. The others wait in our own mailbox, which can drop its oldest."""

QOS = 1
"""Each message arrives at least once."""

_CONNECT_S = 5.0
_LONGEST_WAIT_S = 8
"""Between two tries to connect. A broker that is back must not wait: each second costs results."""
_JOIN_S = 0.5


def make_client(settings: MqttSettings, *, client_id: str) -> "Client":
    """A client that is not connected yet, and connects again by itself.

    Args:
        settings: as configured.
        client_id: a broker lets only one client of a name in.

    Raises:
        MissingExtraError: paho-mqtt is not installed.
        UsageError: the file of the password or of the certificates cannot be used.
    """
    try:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
    except ImportError as error:
        raise missing("[sink.mqtt]", "paho-mqtt", "mqtt") from error
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
    # what it says about its own work is for its authors
    client.enable_logger(logging.Logger("paho", level=logging.CRITICAL))
    client.max_inflight_messages_set(IN_FLIGHT)
    # without a limit, paho keeps all that was published while the broker was away
    client.max_queued_messages_set(IN_FLIGHT)
    client.reconnect_delay_set(1, _LONGEST_WAIT_S)
    client.connect_timeout = _CONNECT_S
    if settings.user is not None:
        password = settings.password_file
        client.username_pw_set(
            settings.user, None if password is None else read_secret(password, where="[sink.mqtt] password_file")
        )
    if settings.uses_tls:
        client.tls_set_context(tls_context(settings.ca, where="[sink.mqtt] ca"))
    return client


def stop(client: "Client") -> None:
    """Ends the connection and its thread. A thread that waits for a name server or a handshake is left behind."""
    client.disconnect()
    # loop_stop waits for the thread without a limit
    ending = threading.Thread(target=client.loop_stop, name="mqtt-end", daemon=True)
    ending.start()
    ending.join(_JOIN_S)
