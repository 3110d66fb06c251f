"""OPC UA clients of a station for its benchmarks: one that hears all events and variables, and one that never reads.

Both are node-opcua clients in a process of their own; `GOODPART_PEERS` is a folder with node_modules (docs/tests.md).
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from goodpart.errors import UsageError

TABLE = """
[plc.opcua]
listen = "127.0.0.1:{port}"
"""
"""On this PC without certificate and tokens: encryption costs the server's thread alone."""

_CLIENTS = """
const path = require("path");
const modules = path.join(process.env.GOODPART_PEERS, "node_modules");
const opcua = require(path.join(modules, "node-opcua-client"));
const { OPCUACertificateManager } = require(path.join(modules, "node-opcua-certificate-manager"));
const [port, folder] = process.argv.slice(1);
console.log = console.warn = console.info = () => {};
let heard = 0;

async function client() {
  const manager = new OPCUACertificateManager({
    rootFolder: folder, automaticallyAcceptUnknownCertificate: true, disableFileWatchers: true });
  await manager.initialize();
  const made = opcua.OPCUAClient.create({
    endpointMustExist: false, connectionStrategy: { maxRetry: 0 }, clientCertificateManager: manager });
  await made.connect(`opc.tcp://127.0.0.1:${port}/`);
  const session = await made.createSession();
  const own = (await session.readNamespaceArray()).indexOf("urn:goodpart:station");
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 50, requestedLifetimeCount: 10000, requestedMaxKeepAliveCount: 20,
    maxNotificationsPerPublish: 100, publishingEnabled: true, priority: 1 });
  const fields = ["EventId", "EventType", "SourceName", "Time", "Message"];
  const events = await subscription.monitor(
    { nodeId: `ns=${own};s=bench`, attributeId: opcua.AttributeIds.EventNotifier },
    { samplingInterval: 0, queueSize: 100, filter: opcua.constructEventFilter(fields) }, 2);
  events.on("changed", () => { heard += 1; });
  for (const name of ["State", "Seq", "Verdict", "Reason", "Score", "Threshold", "Heartbeat"]) {
    const item = await subscription.monitor(
      { nodeId: `ns=${own};s=Station.${name}`, attributeId: opcua.AttributeIds.Value },
      { samplingInterval: 50, queueSize: 10 }, 2);
    item.on("changed", () => { heard += 1; });
  }
  return made;
}

(async () => {
  await client();
  const deaf = await client();
  deaf._secureChannel.getTransport()._socket.pause();
  heard = 0;
  process.stdout.write("ready\\n");
  process.stdin.on("end", () => { process.stdout.write(`${heard}\\n`); process.exit(0); });
  process.stdin.resume();
})().catch((error) => { process.stderr.write(`${error.stack}\\n`); process.exit(1); });
"""


@contextlib.contextmanager
def opcua_clients(port: int) -> Iterator[None]:
    """The two clients, as long as the block runs.

    Args:
        port: of the station's server on this PC.

    Raises:
        UsageError: node-opcua is not there, or the one that reads has heard nothing.
    """
    if not (Path(os.environ.get("GOODPART_PEERS", "-")) / "node_modules" / "node-opcua-client").is_dir():
        raise UsageError("GOODPART_PEERS: expected a folder with node-opcua-client, found none; see docs/tests.md")
    with tempfile.TemporaryDirectory(prefix="station-opcua-") as folder:
        command = ["node", "-e", _CLIENTS, str(port), folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as clients:
            if clients.stdout is None or clients.stdout.readline() != "ready\n":
                raise UsageError("OPC UA: expected two clients, found none; see above")
            try:
                yield
            finally:
                heard, _ = clients.communicate("")
            if not heard.strip().isdigit() or int(heard) == 0:
                raise UsageError("OPC UA: expected a client that hears the station, found one that heard nothing")
