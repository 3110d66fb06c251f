// An MES with an independent OPC UA library (node-opcua-client): starts jobs, hears events and reads variables. It takes
// commands on stdin, one JSON line each, and answers each with one JSON line.
//
//   node opcua_mes.js URL STATION USER PASSWORD
//    {"call": "Halt", "on": "VisionStateMachine", "arguments": [{"Int32": 0}, {"String": ""}]}
//    {"job": {"part": "p1", "meas": "m1", "recipe": "", "product": "bar"}}
//    {"events": 20, "of": "ResultReady", "timeout_ms": 20000}   takes them out
//    {"read": ["Station.Seq", "Station.Verdict"]}               in one request
//    {"write": "Station.Seq"}
//
// GOODPART_PEERS is a folder with node_modules.
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
const VISION = "http://opcfoundation.org/UA/MachineVision";
const OWN = "urn:goodpart:station";
console.log = console.warn = console.info = () => {};

const COMMON = ["EventId", "EventType", "SourceNode", "SourceName", "Time", "ReceiveTime", "LocalTime", "Message",
  "Severity", "ConditionClassId", "ConditionClassName", "ConditionSubClassId", "ConditionSubClassName"];
const STEP = ["FromState", "FromState.Id", "ToState", "ToState.Id", "Transition", "Transition.Id"];
const OF = {
  StateChanged: [1018, STEP], Error: [1019, STEP], ErrorResolved: [1020, STEP],
  RecipePrepared: [1022, ["InternalId", "ExternalId", "ProductId"]],
  JobStarted: [1013, ["JobId"]], Ready: [1023, ["JobId"]], AcquisitionDone: [1025, ["JobId"]],
  ResultReady: [1024, ["CreationTime", "ExternalConfigurationId", "ExternalRecipeId", "InternalConfigurationId",
    "InternalRecipeId", "IsPartial", "IsSimulated", "JobId", "MeasId", "PartId", "ProcessingTimes", "ProductId",
    "ResultContent", "ResultId", "ResultState"]],
};
const heard = [];
let session, vision, own;

// Whatever the library has decoded, as JSON; opaque structures stay recognisable.
function plain(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (typeof value !== "object") return value;
  if (value instanceof opcua.Variant) {
    return { type: opcua.DataType[value.dataType], value: plain(value.value), dimensions: value.dimensions || undefined };
  }
  if (value instanceof opcua.NodeId) return value.toString();
  if (value instanceof Date) return value.toISOString();
  if (Buffer.isBuffer(value)) return value.toString("hex");
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value, plain);
  if (value instanceof opcua.LocalizedText) return value.text;
  if (value instanceof opcua.QualifiedName) return value.name;
  const fields = {};
  for (const key of Object.keys(value)) if (key !== "schema") fields[key] = plain(value[key]);
  fields.structure = value.constructor.name;
  return fields;
}

async function subscribe(number, kind) {
  const names = [...COMMON, ...OF[kind][1]];
  const spaced = names.map((name) =>
    (kind === "StateChanged" || kind.startsWith("Error") || COMMON.includes(name)) ? name : `${vision}:${name}`);
  const filter = opcua.constructEventFilter(spaced, opcua.ofType(`ns=${vision};i=${OF[kind][0]}`));
  const item = await number.monitor(
    { nodeId: `ns=${own};s=${station}`, attributeId: opcua.AttributeIds.EventNotifier },
    { samplingInterval: 0, discardOldest: true, queueSize: 1, filter }, opcua.TimestampsToReturn.Both);
  item.on("changed", (values) => {
    const fields = {};
    names.forEach((name, index) => { fields[name] = plain(values[index]); });
    heard.push({ kind, fields });
  });
}

async function open() {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "opcua-"));
  const manager = new OPCUACertificateManager({ rootFolder: root, disableFileWatchers: true });
  await manager.initialize();
  const client = opcua.OPCUAClient.create({
    endpointMustExist: false, connectionStrategy: { maxRetry: 0 }, clientCertificateManager: manager,
  });
  await client.connect(url);
  session = await client.createSession({ type: opcua.UserTokenType.UserName, userName, password });
  const names = await session.readNamespaceArray();
  vision = names.indexOf(VISION);
  own = names.indexOf(OWN);
  for (const kind of Object.keys(OF)) {
    const number = await session.createSubscription2({
      requestedPublishingInterval: 50, requestedLifetimeCount: 600, requestedMaxKeepAliveCount: 20,
      maxNotificationsPerPublish: 1000, publishingEnabled: true, priority: 1 });
    await subscribe(number, kind);
  }
  return { client, root };
}

async function structure(name, fields) {
  const type = { MeasId: 3015, PartId: 3004, Recipe: 3002, ProductId: 3003 }[name];
  return session.constructExtensionObject(opcua.coerceNodeId(`ns=${vision};i=${type}`), fields);
}

async function call(on, name, given) {
  const objectId = `ns=${own};s=${station}.${on}`;
  const result = await session.call({ objectId, methodId: `${objectId}.${name}`, inputArguments: given });
  return { status: result.statusCode.name, outputs: (result.outputArguments || []).map(plain) };
}

const object = (value) => new opcua.Variant({ dataType: opcua.DataType.ExtensionObject, value });
const MODE = "VisionStateMachine.AutomaticModeStateMachine";

async function job(wanted) {
  return call(MODE, "StartSingleJob", [
    object(await structure("MeasId", { id: wanted.meas || "" })),
    object(await structure("PartId", { id: wanted.part || "" })),
    object(await structure("Recipe", { id: wanted.recipe || "" })),
    object(await structure("ProductId", { id: wanted.product || "" })),
    // what clients pass for a list of BaseDataType that they leave empty
    new opcua.Variant({ dataType: opcua.DataType.Null }),
  ]);
}

async function events(count, kind, timeoutMs) {
  const end = Date.now() + timeoutMs;
  const found = () => heard.filter((event) => event.kind === kind);
  while (found().length < count && Date.now() < end) await new Promise((done) => setTimeout(done, 10));
  const taken = found();
  for (const event of taken) heard.splice(heard.indexOf(event), 1);
  return taken.map((event) => event.fields);
}

const nodes = (names) => names.map((name) => ({ nodeId: `ns=${own};s=${name}`, attributeId: opcua.AttributeIds.Value }));

async function answer(command) {
  if (command.job) return job(command.job);
  if (command.call) {
    const given = command.arguments.map((each) => {
      const [type, value] = Object.entries(each)[0];
      return new opcua.Variant({ dataType: opcua.DataType[type], value });
    });
    return call(command.on, command.call, given);
  }
  if (command.of) return events(command.events, command.of, command.timeout_ms || 60000);
  if (command.read) {
    const found = await session.read(nodes(command.read));
    return found.map((each) => ({ status: each.statusCode.name, ...plain(each.value) }));
  }
  if (command.write) {
    const value = { value: { dataType: opcua.DataType.UInt32, value: 7 } };
    return (await session.write([{ ...nodes([command.write])[0], value }])).map((status) => status.name);
  }
  throw new Error("unknown command");
}

const tell = (told) => process.stdout.write(`${JSON.stringify(told)}\n`);

open().then(async ({ client, root }) => {
  tell({ ready: true });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      tell({ answer: await answer(JSON.parse(line)) });
    } catch (error) {
      tell({ error: String(error && error.message || error) });
    }
  }
  await session.close(true);
  await client.disconnect();
  fs.rmSync(root, { recursive: true, force: true });
  process.exit(0);
}).catch((error) => { tell({ error: String(error.stack) }); process.exit(1); });
