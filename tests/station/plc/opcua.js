// An OPC UA client with an independent library (node-opcua-client). It takes commands on stdin, one JSON line each, and
// answers each with one JSON line.
//
//   node opcua.js FOLDER     {"connect": {"url": "opc.tcp://127.0.0.1:4840", "mode": "SignAndEncrypt",
//                                         "policy": "Basic256Sha256", "certificate": FILE, "key": FILE, "uri": "urn:x",
//                                         "user": "plc", "password": "..."}}
//                            {"read": ["i=2258"]}
//                            {"jobs": 20, "scores": {"GOOD": 1.5, "DEFECT": 9.5}}: judged parts, one after the other
//                            {"reconnect": 100, "abrupt": true, "as": {...}}: the same client comes and goes
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

async function connect(wanted, stays) {
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
    keepSessionAlive: stays,
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
      const peer = await connect(wanted, false);
      await subscribe(peer);
      await leave(peer, abrupt);
    } catch (error) {
      errors += 1;
      process.stderr.write(`${error.message}\n`);
    }
  }
  return { errors };
}

const VISION = "http://opcfoundation.org/UA/MachineVision";
const OWN = "urn:goodpart:station";
const COMMON = ["EventId", "EventType", "SourceNode", "SourceName", "Time", "ReceiveTime", "LocalTime", "Message",
  "Severity"];
const RESULT = ["CreationTime", "ExternalConfigurationId", "ExternalRecipeId", "InternalConfigurationId",
  "InternalRecipeId", "IsPartial", "IsSimulated", "JobId", "MeasId", "PartId", "ProcessingTimes", "ProductId",
  "ResultContent", "ResultId", "ResultState"];

// The paths of what is null, has no type, or could not be decoded. Texts may leave their language out.
function nulls(value, at) {
  if (value === null || value === undefined) return at.endsWith("locale") ? [] : [at];
  if (typeof value !== "object" || value instanceof Date || Buffer.isBuffer(value)) return [];
  if (value.constructor && value.constructor.name === "OpaqueStructure") return [at];
  if (value instanceof opcua.Variant) {
    return value.dataType === opcua.DataType.Null ? [at] : nulls(value.value, at);
  }
  if (value instanceof opcua.NodeId) return [];
  if (Array.isArray(value)) return value.flatMap((each, index) => nulls(each, `${at}[${index}]`));
  if (ArrayBuffer.isView(value)) return [];
  const names = value.schema ? value.schema.fields.map((field) => field.name) : Object.keys(value);
  return names.flatMap((name) => nulls(value[name], `${at}.${name}`));
}

// Starts judged parts one after the other. Each must get one ResultReady, its own: its names, its verdict, its score;
// and GetResultById must know it. Every third is a defect.
async function jobs(count, scores) {
  const { session } = there;
  const spaces = await session.readNamespaceArray();
  const [vision, own] = [spaces.indexOf(VISION), spaces.indexOf(OWN)];
  await session.extractNamespaceDataType();
  const told = [];
  const filter = opcua.constructEventFilter(
    [...COMMON, ...RESULT.map((name) => `${vision}:${name}`)], opcua.ofType(`ns=${vision};i=1024`));
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 50, requestedLifetimeCount: 600, requestedMaxKeepAliveCount: 20,
    maxNotificationsPerPublish: 100, publishingEnabled: true, priority: 1 });
  const item = await subscription.monitor(
    { nodeId: `ns=${own};s=line1`, attributeId: opcua.AttributeIds.EventNotifier },
    { samplingInterval: 0, discardOldest: true, queueSize: 100, filter }, opcua.TimestampsToReturn.Both);
  let wake = () => {};
  item.on("changed", (values) => { told.push(values); wake(); });
  await new Promise((resolve) => item.once("initialized", resolve) && setTimeout(resolve, 200));
  const made = (type, fields) => session.constructExtensionObject(opcua.coerceNodeId(`ns=${vision};i=${type}`), fields);
  const object = (value) => new opcua.Variant({ dataType: opcua.DataType.ExtensionObject, value });
  const call = async (on, name, inputArguments) => {
    const found = await within(TIMEOUT_MS, session.call({
      objectId: `ns=${own};s=line1.${on}`, methodId: `ns=${own};s=line1.${on}.${name}`, inputArguments }));
    await opcua.promoteOpaqueStructure(session, found.outputArguments || []);
    return found;
  };
  const field = (values, name) => values[COMMON.length + RESULT.indexOf(name)].value;
  const counts = { jobs: 0, missing: 0, twice: 0, wrong: [], nulls: [], verdicts: {}, unknown: 0 };
  const answered = new Set();
  for (let index = 0; index < count; index++) {
    const started = await call("VisionStateMachine.AutomaticModeStateMachine", "StartSingleJob", [
      object(await made(3015, { id: `m${index}` })), object(await made(3004, { id: `${1000 + index}` })),
      object(await made(3002, { id: "" })), object(await made(3003, { id: "bar" })),
      new opcua.Variant({ dataType: opcua.DataType.Null })]);
    const [job, error] = started.outputArguments.map((each) => each.value);
    if (started.statusCode.name !== "Good" || error !== 0) throw new Error(`job ${index}: ${started}`);
    counts.jobs += 1;
    const end = Date.now() + TIMEOUT_MS;
    while (told.length === 0 && Date.now() < end) {
      await Promise.race([new Promise((resolve) => { wake = resolve; }), new Promise((done) => setTimeout(done, 1000))]);
    }
    if (told.length === 0) { counts.missing += 1; break; }
    const values = told.shift();
    await opcua.promoteOpaqueStructure(session, values.map((value) => ({ value })));
    values.forEach((value, at) => counts.nulls.push(...nulls(value, [...COMMON, ...RESULT][at])));
    const id = field(values, "JobId").id;
    if (answered.has(id)) counts.twice += 1;
    answered.add(id);
    const [verdict, score] = field(values, "ResultContent").map((each) => each.value);
    counts.verdicts[verdict] = (counts.verdicts[verdict] || 0) + 1;
    const right = Number(id) % 3 === 0 ? "DEFECT" : "GOOD";
    if (id !== job.id || field(values, "MeasId").id !== `m${index}` || field(values, "PartId").id !== `${1000 + index}`
      || verdict !== right || Math.abs(score - scores[right]) > 1e-3) {
      counts.wrong.push({ index, job: job.id, id, verdict, score });
    }
    const known = await call("ResultManagement", "GetResultById", [
      object(field(values, "ResultId")), new opcua.Variant({ dataType: opcua.DataType.Int32, value: 0 })]);
    const result = (known.outputArguments || []).map((each) => each.value).find((each) => each && each.resultId);
    if (known.statusCode.name !== "Good" || !result || result.resultId.id !== field(values, "ResultId").id
      || result.jobId.id !== job.id) counts.unknown += 1;
  }
  counts.twice += told.length;
  await subscription.terminate();
  counts.wrong = counts.wrong.slice(0, 5);
  counts.nulls = [...new Set(counts.nulls)];
  return counts;
}

async function obey(asked) {
  if (asked.connect !== undefined) {
    there = await connect(asked.connect, true);
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
  if (asked.jobs !== undefined) return jobs(asked.jobs, asked.scores);
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
