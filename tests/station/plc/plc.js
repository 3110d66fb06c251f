// A PLC with an independent Modbus library (modbus-serial): numbers parts, triggers them, and applies the rule of
// docs/station-modbus.md. It takes commands on stdin, one JSON line each, and answers each with one JSON line.
//
//   node plc.js HOST PORT [LAST_NUMBER]     {"timeout_ms": 20000} waits until the station is READY
//                                           {"run": 1000, "window": 4, "timeout_ms": 2000, "expect": true}
//
// "window": how many parts are between trigger and gate, at most 16. GOODPART_PEERS is a folder with node_modules.
// "expect": every third number is a defect, and the score says which part was answered: by the rule of station.py, or
// {"1": A, "2": B}, the scores times 1000 of good parts and of defects.
"use strict";

const path = require("path");
const readline = require("readline");
const ModbusRTU = require(path.join(process.env.GOODPART_PEERS, "node_modules", "modbus-serial"));

const [host, port] = [process.argv[2], Number(process.argv[3])];
const SEQ_MOST = 65535;
const NONE = 0;
const GOOD = 1;

let client = null;
let seq = Number(process.argv[4] || 0);
let acknowledged = 0;
let beat = 0;

async function connect(timeoutMs) {
  if (client === null || !client.isOpen) {
    client = new ModbusRTU();
    // a connection that breaks is an error of the request in hand, which rejects its part
    client.on("error", () => {});
    await within(timeoutMs, client.connectTCP(host, { port }));
    client.setID(1);
  }
  client.setTimeout(timeoutMs);
}

// The heartbeat goes on beside the requests for parts, also while there are none.
setInterval(() => {
  if (client !== null && client.isOpen) client.writeRegister(0, ++beat & 0xffff).catch(() => {});
}, 100).unref();

function drop() {
  if (client !== null) client.destroy(() => {});
  client = null;
}

function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error("late")), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Whether a verdict is another part's. A part that was not judged has none.
function isWrong(verdict, score, { awaited, partId }, expect) {
  if (!expect || verdict > 3) return false;
  if (verdict !== (awaited % 3 === 0 ? 2 : GOOD)) return true;
  const right = expect === true ? (partId * 7) % 1000003 : expect[verdict];
  return Math.abs(score - right) > 1;
}

async function trigger(timeoutMs) {
  seq = (seq % SEQ_MOST) + 1;
  const part = { awaited: seq, partId: (seq * 65537) % 0xffffffff, started: process.hrtime.bigint() };
  await connect(timeoutMs);
  // HR1..5 by one FC16: number, last used result, product, serial number
  const { partId } = part;
  await client.writeRegisters(1, [part.awaited, acknowledged, 1, Math.floor(partId / 65536), partId % 65536]);
  return part;
}

// Reads the part's slot until it is the part's, and applies the rule.
async function gate(part, timeoutMs, counts, expect) {
  const { awaited, started } = part;
  const ms = () => Number(process.hrtime.bigint() - started) / 1e6;
  while (ms() < timeoutMs) {
    const slot = (await client.readInputRegisters(16 + 8 * (awaited % 16), 8)).data;
    if (slot[0] === awaited && slot[7] === awaited && slot[1] !== NONE) {
      acknowledged = awaited;
      if (isWrong(slot[1], slot[4] * 65536 + slot[5], part, expect)) counts.wrong += 1;
      counts.verdicts[slot[1]] = (counts.verdicts[slot[1]] || 0) + 1;
      counts.ms.push(ms());
      return slot[1] === GOOD;
    }
    counts.polls += 1;
  }
  throw new Error("no answer in time");
}

// One step of a part. Whatever fails rejects the part, and whatever the station says later is not looked at.
async function tried(step, counts) {
  try {
    return await step();
  } catch (error) {
    counts.errors[error.message] = (counts.errors[error.message] || 0) + 1;
    counts.unanswered += 1;
    counts.rejected += 1;
    drop();
    return null;
  }
}

async function run({ run: parts, window = 1, timeout_ms: timeoutMs, expect = false }) {
  const counts = { passed: 0, rejected: 0, unanswered: 0, wrong: 0, polls: 0, verdicts: {}, errors: {}, ms: [] };
  for (let left = parts; left > 0; left -= window) {
    const between = [];
    for (let i = 0; i < Math.min(window, left); i++) between.push(await tried(() => trigger(timeoutMs), counts));
    for (const part of between.filter((one) => one !== null)) {
      const isGood = await tried(() => gate(part, timeoutMs, counts, expect), counts);
      if (isGood !== null) counts[isGood ? "passed" : "rejected"] += 1;
    }
  }
  counts.ms.sort((a, b) => a - b);
  const at = (share) => counts.ms[Math.floor(share * (counts.ms.length - 1))];
  counts.ms = counts.ms.length ? { p50: at(0.5), p95: at(0.95), p99: at(0.99) } : {};
  return counts;
}

const READY = 2;

// A station that starts refuses connections first, and then parts.
async function ready({ timeout_ms: timeoutMs }) {
  const until = Date.now() + timeoutMs;
  let state = null;
  while (state !== READY && Date.now() < until) {
    try {
      await connect(timeoutMs);
      state = (await client.readInputRegisters(3, 1)).data[0];
    } catch (error) {
      drop();
    }
    await new Promise((done) => setTimeout(done, 20));
  }
  return { state };
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    console.log(JSON.stringify(await ("run" in asked ? run : ready)(asked)));
  }
  drop();
}

main();
