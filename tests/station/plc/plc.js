// A PLC with an independent Modbus library (modbus-serial): numbers parts, triggers them, and applies the rule of
// docs/station-modbus.md. It takes commands on stdin, one JSON line each, and answers each with one JSON line.
//
//   node plc.js HOST PORT [LAST_NUMBER]     {"run": 1000, "window": 4, "timeout_ms": 2000, "expect": true}
//
// "window": how many parts are between trigger and gate, at most 16. GOODPART_PEERS is a folder with node_modules.
// "expect": the station is tests/station/plc/station.py, which answers part n by a rule that is known here.
"use strict";

const path = require("path");
const readline = require("readline");
const ModbusRTU = require(path.join(process.env.GOODPART_PEERS, "node_modules", "modbus-serial"));

const [host, port] = [process.argv[2], Number(process.argv[3])];
const SEQ_MOST = 65535;
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

function drop() {
  if (client !== null) client.destroy(() => {});
  client = null;
}

function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error("late")), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// What station.py finds for a part: every third is a defect; its score says which part was judged.
function expected(number, partId) {
  return { verdict: number % 3 === 0 ? 2 : GOOD, score: (partId * 7) % 1000003 };
}

async function trigger(timeoutMs) {
  seq = (seq % SEQ_MOST) + 1;
  const part = { awaited: seq, partId: (seq * 65537) % 0xffffffff, started: process.hrtime.bigint() };
  await connect(timeoutMs);
  if (seq % 50 === 1) await client.writeRegisters(0, [++beat & 0xffff]);
  // HR1..5 by one FC16: number, last used result, product, serial number
  const { partId } = part;
  await client.writeRegisters(1, [part.awaited, acknowledged, 1, Math.floor(partId / 65536), partId % 65536]);
  return part;
}

// Reads the part's slot until it is the part's, and applies the rule.
async function gate({ awaited, partId, started }, timeoutMs, counts, expect) {
  const ms = () => Number(process.hrtime.bigint() - started) / 1e6;
  while (ms() < timeoutMs) {
    const slot = (await client.readInputRegisters(16 + 8 * (awaited % 16), 8)).data;
    if (slot[0] === awaited && slot[7] === awaited) {
      acknowledged = awaited;
      const score = slot[4] * 65536 + slot[5];
      const right = expected(awaited, partId);
      if (expect && (slot[1] !== right.verdict || score !== right.score)) counts.wrong += 1;
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

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await run(JSON.parse(line))));
  }
  drop();
}

main();
