// An OPC UA client with an independent library (node-opcua-client). It takes commands on stdin, one JSON line each, and
// answers each with one JSON line.
//
//   node opcua.js FOLDER     {"connect": {"url": "opc.tcp://127.0.0.1:4840", "mode": "SignAndEncrypt",
//                                         "policy": "Basic256Sha256", "certificate": FILE, "key": FILE, "uri": "urn:x",
//                                         "user": "plc", "password": "..."}}
//                            {"read": ["i=2258"]}
//                            {"reconnect": 100, "abrupt": true}
//                            {"close": true}
//
// FOLDER is for what the library keeps on disk. GOODPART_PEERS is a folder with node_modules.
"use strict";

process.env.NODEOPCUADEBUG = "";
const path = require("path");
const readline = require("readline");
const opcua = require(path.join(process.env.GOODPART_PEERS, "node_modules", "node-opcua-client"));
const { OPCUACertificateManager } = require(
  path.join(process.env.GOODPART_PEERS, "node_modules", "node-opcua-certificate-manager")
);

const folder = process.argv[2];
const TIMEOUT_MS = 60000;
// the library warns on the console about what servers do
console.log = console.warn = console.info = () => {};

let manager = null;
let there = null;

function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error("late")), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function certificates() {
  if (manager === null) {
    manager = new OPCUACertificateManager({
      rootFolder: path.join(folder, "pki"), automaticallyAcceptUnknownCertificate: true, disableFileWatchers: true,
    });
    await manager.initialize();
  }
  return manager;
}

async function connect(wanted) {
  const client = opcua.OPCUAClient.create({
    applicationName: "goodpart peer",
    applicationUri: wanted.uri,
    clientCertificateManager: await certificates(),
    certificateFile: wanted.certificate,
    privateKeyFile: wanted.key,
    securityMode: opcua.MessageSecurityMode[wanted.mode || "None"],
    securityPolicy: opcua.SecurityPolicy[wanted.policy || "None"],
    connectionStrategy: { maxRetry: 0, initialDelay: 50, maxDelay: 100 },
    requestedSessionTimeout: 30000,
    endpointMustExist: false,
    keepSessionAlive: false,
  });
  client.on("connection_failed", () => {});
  try {
    await within(TIMEOUT_MS, client.connect(wanted.url));
    const user = wanted.user === undefined ? { type: opcua.UserTokenType.Anonymous } : {
      type: opcua.UserTokenType.UserName, userName: wanted.user, password: wanted.password,
    };
    const session = await within(TIMEOUT_MS, client.createSession(user));
    return { client, session, wanted };
  } catch (error) {
    await within(5000, client.disconnect()).catch(() => {});
    throw error;
  }
}

async function subscribe(peer) {
  const subscription = await peer.session.createSubscription2({
    requestedPublishingInterval: 100, requestedLifetimeCount: 600, requestedMaxKeepAliveCount: 10,
    maxNotificationsPerPublish: 100, publishingEnabled: true, priority: 1,
  });
  const item = await subscription.monitor(
    { nodeId: "i=2258", attributeId: opcua.AttributeIds.Value }, { samplingInterval: 100, queueSize: 2 },
    opcua.TimestampsToReturn.Both
  );
  await within(TIMEOUT_MS, new Promise((resolve) => item.once("changed", resolve)));
  return subscription;
}

async function leave(peer, abrupt) {
  if (!abrupt) {
    await peer.session.close(true);
    await peer.client.disconnect();
    return;
  }
  // the socket dies without a word; the client must not come back by itself
  const channel = peer.client._secureChannel || peer.client.secureChannel;
  const transport = channel.getTransport ? channel.getTransport() : channel._transport;
  transport._socket.destroy();
  await within(5000, peer.client.disconnect()).catch(() => {});
}

async function reconnect(wanted, times, abrupt) {
  let errors = 0;
  for (let index = 0; index < times; index++) {
    try {
      const peer = await connect(wanted);
      await subscribe(peer);
      await leave(peer, abrupt);
    } catch (error) {
      errors += 1;
      process.stderr.write(`${error.message}\n`);
    }
  }
  return { errors };
}

async function obey(asked) {
  if (asked.connect !== undefined) {
    there = await connect(asked.connect);
    return { ok: true };
  }
  if (asked.read !== undefined) {
    const found = await within(TIMEOUT_MS, there.session.read(asked.read.map((nodeId) => ({
      nodeId, attributeId: opcua.AttributeIds.Value }))));
    return { values: found.map((each) => String(each.value.value)), codes: found.map((each) => each.statusCode.name) };
  }
  if (asked.call !== undefined) {
    const found = await within(TIMEOUT_MS, there.session.call(asked.call));
    return { code: found.statusCode.name };
  }
  if (asked.reconnect !== undefined) return reconnect(asked.as, asked.reconnect, asked.abrupt);
  if (asked.close !== undefined) {
    await leave(there, false);
    there = null;
    return { ok: true };
  }
  return { error: "unknown" };
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let answer;
    try {
      answer = await obey(JSON.parse(line));
    } catch (error) {
      answer = { error: String(error.message).replace(/\s+/g, " ") };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
  process.exit(0);
})();
