// An MES with an independent OPC UA library (node-opcua-client): calls methods of a VisionSystem, and hears its events.
// It takes commands on stdin, one JSON line each, and answers each with one JSON line.
//
//   node opcua_jobs.js URL STATION USER PASSWORD
//     {"call": "ResultManagement/GetResultById", "in": [["ResultIdDataType", {"id": "x"}], ["Int32", 0]]}
//         the status and the outputs; null for a null argument
//     {"event": "ResultReadyEventType"}   the next event of this type
//
// GOODPART_PEERS is a folder with node_modules. What is null or undefined on this side is told by its path in "nulls".
"use strict";

process.env.NODEOPCUADEBUG = "";
const fs = require("fs");
const os = require("os");
const path = require("path");
const readline = require("readline");
const modules = path.join(process.env.GOODPART_PEERS, "node_modules");
const opcua = require(path.join(modules, "node-opcua-client"));
const { OPCUACertificateManager } = require(path.join(modules, "node-opcua-certificate-manager"));

const [url, station, userName, password] = process.argv.slice(2);
const TIMEOUT_MS = 60000;
const VISION = "http://opcfoundation.org/UA/MachineVision";
const OWN = "urn:goodpart:station";
const BASE = ["EventType", "SourceNode", "SourceName", "Time", "Message", "Severity"];
const FIELDS = {
  RecipePreparedEventType: [1022, ["ExternalId", "InternalId", "ProductId"]],
  ResultReadyEventType: [1024, ["ResultId", "IsPartial", "IsSimulated", "ResultState", "MeasId", "PartId",
    "ExternalRecipeId", "InternalRecipeId", "ProductId", "ExternalConfigurationId", "InternalConfigurationId", "JobId",
    "CreationTime", "ProcessingTimes", "ResultContent"]],
};
// the library warns on the console about what servers do
console.log = console.warn = console.info = () => {};

let session, vision, own;
const events = [];
const waiting = [];

function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error("late")), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function fieldsOf(schema) {
  const base = schema.getBaseSchema && schema.getBaseSchema();
  return [...(base ? fieldsOf(base) : []), ...schema.fields];
}

// A value as JSON; notes the paths of what is null, but for the time zones of texts.
function plain(value, at, nulls) {
  if (value === null || value === undefined) {
    nulls.push(at);
    return null;
  }
  if (value instanceof opcua.Variant) {
    const found = { type: opcua.DataType[value.dataType], value: plain(value.value, at, nulls) };
    if (value.dimensions) found.dimensions = value.dimensions;
    return found;
  }
  if (Buffer.isBuffer(value)) return value.toString("hex");
  if (value instanceof Date) return value.toISOString();
  if (value.constructor.name === "OpaqueStructure") {
    nulls.push(`${at} (opaque ${value.nodeId})`);
    return null;
  }
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return Array.from(value, (each, index) => plain(each, `${at}[${index}]`, nulls));
  }
  if (value instanceof opcua.NodeId) return value.toString();
  if (typeof value === "number") return Number.isNaN(value) ? "NaN" : value;
  if (typeof value !== "object") return value;
  const found = {};
  if (value.schema && value.schema.name) found.$ = value.schema.name;
  for (const name of value.schema ? fieldsOf(value.schema).map((field) => field.name) : Object.keys(value)) {
    found[name] = plain(value[name], `${at}.${name}`, nulls);
  }
  return found;
}

async function dataType(name) {
  const found = await within(TIMEOUT_MS, session.translateBrowsePath(
    opcua.makeBrowsePath("i=22", `<HasSubtype>${vision}:${name}`)));
  if (found.targets && found.targets.length) return found.targets[0].targetId;
  const below = await within(TIMEOUT_MS, session.translateBrowsePath(
    opcua.makeBrowsePath("i=22", `<HasSubtype>${vision}:BinaryIdBaseDataType<HasSubtype>${vision}:${name}`)));
  return below.targets[0].targetId;
}

async function argument(given) {
  if (given === null) return new opcua.Variant({ dataType: opcua.DataType.Null });
  const [type, value] = given;
  if (type in opcua.DataType) return new opcua.Variant({ dataType: opcua.DataType[type], value });
  const made = value === null ? null : await session.constructExtensionObject(await dataType(type), value);
  return new opcua.Variant({ dataType: opcua.DataType.ExtensionObject, value: made });
}

async function call(method, given) {
  const name = method.replaceAll("/", ".");
  const parent = name.slice(0, name.lastIndexOf("."));
  const inputArguments = [];
  for (const each of given) inputArguments.push(await argument(each));
  const found = await within(TIMEOUT_MS, session.call({
    objectId: `ns=${own};s=${station}.${parent}`, methodId: `ns=${own};s=${station}.${name}`, inputArguments,
  }));
  const nulls = [];
  await opcua.promoteOpaqueStructure(session, found.outputArguments || []);
  const out = (found.outputArguments || []).map((each, index) => plain(each.value, `[${index}]`, nulls));
  return { code: found.statusCode.name, out, nulls };
}

async function listen() {
  const fields = [...BASE, ...new Set(Object.values(FIELDS).flatMap(([, names]) => names))];
  const filter = opcua.constructEventFilter(fields.map((name) => (BASE.includes(name) ? name : `${vision}:${name}`)));
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 50, requestedLifetimeCount: 600, requestedMaxKeepAliveCount: 10,
    maxNotificationsPerPublish: 100, publishingEnabled: true, priority: 1,
  });
  const item = await subscription.monitor(
    { nodeId: `ns=${own};s=${station}`, attributeId: opcua.AttributeIds.EventNotifier },
    { samplingInterval: 0, queueSize: 200, discardOldest: true, filter }, opcua.TimestampsToReturn.Both);
  item.on("changed", (values) => { heard(fields, values).catch((error) => process.stderr.write(`${error.stack}\n`)); });
}

async function heard(fields, values) {
  await opcua.promoteOpaqueStructure(session, values.map((value) => ({ value })));
  const number = values[0].value.value;
  for (const [name, [type, own]] of Object.entries(FIELDS)) {
    if (number !== type) continue;
    const nulls = [];
    const found = { $: name };
    fields.forEach((field, index) => {
      if (BASE.includes(field) || own.includes(field)) {
        found[field] = plain(values[index].value, field, nulls);
      }
    });
    events.push({ event: found, nulls });
  }
  waiting.splice(0).forEach((wake) => wake());
}

async function next(type) {
  for (;;) {
    const at = events.findIndex((each) => each.event.$ === type);
    if (at >= 0) return events.splice(at, 1)[0];
    await within(TIMEOUT_MS, new Promise((resolve) => waiting.push(resolve)));
  }
}

async function connect(rootFolder) {
  const manager = new OPCUACertificateManager({ rootFolder, disableFileWatchers: true });
  await manager.initialize();
  const client = opcua.OPCUAClient.create({
    applicationName: "goodpart MES", connectionStrategy: { maxRetry: 0, initialDelay: 50, maxDelay: 100 },
    clientCertificateManager: manager, endpointMustExist: false, keepSessionAlive: false,
  });
  await within(TIMEOUT_MS, client.connect(url));
  session = await within(TIMEOUT_MS, client.createSession({ type: opcua.UserTokenType.UserName, userName, password }));
  const namespaces = await session.readNamespaceArray();
  [vision, own] = [namespaces.indexOf(VISION), namespaces.indexOf(OWN)];
  await within(TIMEOUT_MS, session.extractNamespaceDataType());
  await listen();
  return client;
}

const tell = (told) => process.stdout.write(`${JSON.stringify(told)}\n`);

(async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "opcua-"));
  try {
    const client = await connect(folder);
    tell({ ready: true });
    for await (const line of readline.createInterface({ input: process.stdin })) {
      try {
        const asked = JSON.parse(line);
        tell(asked.call ? await call(asked.call, asked.in) : await next(asked.event));
      } catch (error) {
        tell({ error: String(error.stack) });
      }
    }
    await session.close(true);
    await client.disconnect();
  } catch (error) {
    tell({ error: String(error.stack) });
  }
  fs.rmSync(folder, { recursive: true, force: true });
  process.exit(0);
})();
