/* The operator page. No library, no build step; works in browsers of 2020. */
"use strict";
(function () {
  const by = (id) => document.getElementById(id);
  const RANKS = ["viewer", "operator", "engineer"];
  const STALE_MS = 5000, RETRY_MS = 3000;
  /* Who presses a button aims at what was there before. */
  const MOVED_MS = 800;
  const KEPT_FOR = {random: "kept at random", reject: "kept as a DEFECT", near: "kept as a close call"};
  const ORDER = ["GOOD", "DEFECT", "UNKNOWN", "REFUSED", "TIMEOUT", "SIMULATED"];
  const WORDS = {TIMEOUT: "TOO LATE"};
  let me = {name: "", role: null}, state = null, heard = 0, source = null;
  let chosen = null, loading = false, spoke = 0, spokeWords = "", hours = 8, points = null;
  let frames = null, hasOlder = false, onlyWaiting = "", moved = 0, limits = null, asked = 0;

  function may(role) { return me.role !== null && RANKS.indexOf(me.role) >= RANKS.indexOf(role); }
  function text(id, words) { const place = by(id); if (place.textContent !== words) { place.textContent = words; } }
  function make(tag, words, kind) {
    const made = document.createElement(tag);
    if (words !== undefined && words !== null) { made.textContent = words; }
    if (kind) { made.className = kind; }
    return made;
  }
  function empty(place) { while (place.firstChild) { place.removeChild(place.firstChild); } }
  function time(seconds) { return new Date(seconds * 1000).toLocaleTimeString("en-GB"); }
  function when(seconds) {
    const day = new Date(seconds * 1000), today = new Date().toDateString() === day.toDateString();
    return today ? time(seconds) : day.toLocaleDateString("en-GB") + " " + time(seconds).slice(0, 5);
  }
  function bytes(count) { return count >= 1e9 ? (count / 1e9).toFixed(1) + " GB" : (count / 1e6).toFixed(0) + " MB"; }
  function verdictWord(verdict) { return WORDS[verdict] || verdict; }

  /* Requests: only to this host. */
  async function request(path, body) {
    const options = {credentials: "same-origin", cache: body === undefined ? "default" : "no-store"};
    if (body !== undefined) {
      options.method = "POST";
      options.headers = {"X-Goodpart": "1", "Content-Type": "application/json"};
      options.body = JSON.stringify(body);
    }
    let answer;
    try { answer = await fetch(path, options); } catch (error) { throw new Error("The station does not answer."); }
    const found = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      if (answer.status === 401 && path !== "/login") { whoAmI(); }
      throw new Error(found.error || "The station answered " + answer.status + ".");
    }
    return found;
  }
  let saying = 0;
  function say(words) {
    text("said", words);
    by("said").hidden = false;
    clearTimeout(saying);
    saying = setTimeout(() => { by("said").hidden = true; }, 8000);
  }
  async function act(path, body, done) {
    try { await request(path, body); if (done) { say(done); } return true; } catch (error) { say(error.message); return false; }
  }

  /* Who is here. */
  async function whoAmI() {
    let found = null;
    try { found = await fetch("/me", {credentials: "same-origin", cache: "no-store"}); } catch (error) { found = null; }
    if (found === null || (!found.ok && found.status !== 401 && found.status !== 429)) { setTimeout(whoAmI, RETRY_MS); return; }
    me = found.ok ? await found.json() : {name: "", role: null, with_token: false};
    text("who", me.role === null ? "" : me.name + " (" + me.role + ")");
    document.body.classList.toggle("out", me.role === null);
    by("login").hidden = Boolean(me.with_token);
    by("logout").hidden = !me.with_token;
    by("acts").hidden = by("advice").hidden = by("which").hidden = !may("operator");
    by("threshold").hidden = !may("engineer");
    if (me.role === null) {
      leave();
      text("word", "LOG IN");
      if (found.status === 429) { say("Too many wrong tokens came from here. Wait a minute."); }
      else if (by("veil").hidden) { logIn(); }
      return;
    }
    listen(); showFrames(); loadKept(); loadTrend();
    if (may("engineer")) { loadThreshold(null); }
  }
  function leave() {
    if (source) { source.close(); source = null; }
    state = null;
    by("verdict").className = "verdict none";
    ["facts", "because", "do"].forEach((id) => text(id, ""));
  }

  /* A question before anything is done. It keeps the keyboard inside, and Escape says no. */
  let answerAsk = null, cameFrom = null;
  function ask(title, words, yes, withToken) {
    cameFrom = document.activeElement;
    text("ask-title", title); text("ask-words", words); text("ask-yes", yes); text("ask-error", "");
    by("ask-field").hidden = !withToken;
    by("token").value = "";
    by("veil").hidden = false;
    (withToken ? by("token") : by("ask-no")).focus();
    return new Promise((resolve) => { answerAsk = resolve; });
  }
  function closeAsk(found) {
    by("veil").hidden = true;
    if (cameFrom && cameFrom.focus) { cameFrom.focus(); }
    const answer = answerAsk;
    answerAsk = null;
    if (answer) { answer(found); }
  }
  by("ask-no").addEventListener("click", () => closeAsk(false));
  by("ask").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (by("ask-field").hidden) { closeAsk(true); return; }
    try { await request("/login", {token: by("token").value}); } catch (error) { text("ask-error", error.message); return; }
    closeAsk(true);
  });
  by("veil").addEventListener("keydown", (event) => {
    if (event.key === "Escape") { closeAsk(false); }
    if (event.key !== "Tab") { return; }
    const all = Array.from(by("ask").querySelectorAll("input, button")).filter((each) => each.offsetParent !== null);
    const last = all[all.length - 1], first = all[0];
    if (event.shiftKey && document.activeElement === first) { event.preventDefault(); last.focus(); }
    else if (!event.shiftKey && document.activeElement === last) { event.preventDefault(); first.focus(); }
  });
  async function logIn() {
    const words = "Paste your token. An engineer makes one with goodpart-station token add.";
    if (await ask("Log in", words, "Log in", true)) { leave(); whoAmI(); }
  }
  by("login").addEventListener("click", logIn);
  by("logout").addEventListener("click", async () => { await act("/logout", {}); leave(); whoAmI(); });

  /* The newest state. */
  function listen() {
    if (source) { return; }
    source = new EventSource("/events");
    source.onmessage = (event) => { heard = Date.now(); state = JSON.parse(event.data); show(); };
    source.onerror = () => {
      if (source && source.readyState === EventSource.CLOSED) { source = null; setTimeout(whoAmI, RETRY_MS); }
    };
  }
  setInterval(() => {
    const old = me.role !== null && Date.now() - heard > STALE_MS;
    by("lost").hidden = !old;
    by("verdict").classList.toggle("old", old);
    by("figure").classList.toggle("old", old);
  }, 500);

  function show() {
    text("station", state.station);
    document.title = state.station + ": " + state.says;
    text("product", state.product.number ? state.product.name : "none");
    text("state", state.says);
    text("clock", time(state.now));
    showVerdict(); showNotes(); showCounts(); showStrip(); showDrift(); showActs(); showFacts();
    if (!state.part) { text("nopicture", "No picture yet"); }
    if (chosen === null) { follow(); }
  }
  function showVerdict() {
    const part = state.part, place = by("verdict");
    let word, kind, facts = [], because = "", advice = "";
    if (part) { facts.push("Part " + part.seq + (part.part_id ? " (" + part.part_id + ")" : "")); }
    if (!state.judges) {
      word = state.says; kind = "stopped"; because = state.why.toUpperCase() === state.says ? "" : state.why; advice = state.do;
      if (part) { facts[0] = "Last part " + part.seq + ": " + part.says; }
    } else if (!part) {
      word = "NO PART YET"; kind = "none"; because = state.why;
    } else {
      word = part.says; kind = part.verdict;
      if (part.verdict === "SIMULATED" && part.judged) { facts.push("judged " + part.judged); }
      if (part.late && part.judged) { facts.push("judged " + part.judged + " after the deadline"); }
      if (part.score !== undefined) { facts.push("score " + part.score.toFixed(2) + ", threshold " + part.threshold.toFixed(2)); }
      because = part.because; advice = part.do;
      if (part.detail) { because = because ? because + " " + part.detail : part.detail; }
      if (state.why) { because = because ? because + " " + state.why : state.why; }
    }
    if (part) { facts.push(time(part.at)); }
    place.className = "verdict " + kind + (word.length > 7 ? " long" : "");
    text("word", word); text("facts", facts.join("  ·  ")); text("because", because); text("do", advice);
    /* A screen reader hears a change, but not every part of a fast line. */
    const words = [word, because, advice].filter(Boolean).join(". ");
    if (words !== spokeWords && Date.now() - spoke > 3000) { spokeWords = words; spoke = Date.now(); text("spoken", words); }
  }
  function showNotes() {
    const notes = state.notes.map((note) => ({says: note.says, do: note.do, bad: note.bit === "DISK_FULL" || note.bit === "PLC_LOST"}));
    const dropped = Object.keys(state.dropped).map((name) => state.dropped[name].toLocaleString("en") + " by " + name);
    text("dropped", dropped.length ? "Results dropped since the start: " + dropped.join(", ") + ". Verdicts were given." : "");
    const place = by("notes"), key = JSON.stringify(notes);
    if (place.dataset.key === key) { return; }
    place.dataset.key = key;
    empty(place);
    notes.forEach((note) => {
      const line = make("li", note.says + " ", note.bad ? "bad" : "");
      if (note.do) { line.appendChild(make("span", note.do)); }
      place.appendChild(line);
    });
  }
  function showCounts() {
    text("since", when(state.shift.since).slice(0, -3));
    const counts = state.shift.counts, all = ORDER.reduce((sum, name) => sum + (counts[name] || 0), 0);
    const place = by("counts").tBodies[0], key = JSON.stringify(counts);
    if (place.dataset.key === key) { return; }
    place.dataset.key = key;
    empty(place);
    ORDER.filter((name) => counts[name] || ORDER.indexOf(name) < 4).concat("all").forEach((name) => {
      const row = make("tr", null, name), head = make("th"), count = name === "all" ? all : counts[name] || 0;
      if (name !== "all") { head.appendChild(make("i", null, name)); row.className = ""; }
      head.scope = "row";
      head.appendChild(document.createTextNode(name === "all" ? "All parts" : verdictWord(name)));
      row.appendChild(head);
      row.appendChild(make("td", count.toLocaleString("en")));
      row.appendChild(make("td", all && name !== "all" ? (100 * count / all).toFixed(1) + " %" : ""));
      place.appendChild(row);
    });
  }
  function showActs() {
    by("halt").disabled = state.state === "HALTED";
    by("reset").disabled = !(state.state === "HALTED" || state.state === "FAULT");
    by("resync").disabled = state.state !== "OUT_OF_STEP";
    const place = by("products"), key = JSON.stringify(state.products);
    if (place.dataset.key !== key) {
      place.dataset.key = key;
      empty(place);
      state.products.forEach((each) => { const option = make("option", each[0] + ": " + each[1]); option.value = each[0]; place.appendChild(option); });
      place.value = state.product.number || (state.products[0] || [""])[0];
    }
  }
  function showDrift() {
    const drift = state.drift;
    by("drift-acts").hidden = !(drift && may("engineer"));
    if (!drift) {
      text("drift-phase", state.watches_drift ? "No frame has been looked at yet." : "This station does not watch for drift.");
      return;
    }
    const phases = {
      LEARNING: "Learning what this station's frames are like: " + drift.blocks + " blocks so far.",
      WATCHING: "Watching. Evidence " + drift.evidence.toFixed(2) + "; an alarm comes at 1.",
      ALARM: "ALARM: frames are no longer what they were."
    };
    text("drift-phase", phases[drift.phase] || drift.phase);
    by("acknowledge").disabled = drift.alarms.length === 0;
    const place = by("drift-alarms"), key = JSON.stringify([drift.alarms, drift.remarks]);
    if (place.dataset.key === key) { return; }
    place.dataset.key = key;
    empty(place);
    drift.alarms.forEach((words) => place.appendChild(make("li", words, "alarm")));
    drift.remarks.forEach((words) => place.appendChild(make("li", words, "quiet")));
  }
  function showFacts() {
    const now = state.threshold;
    if (points && points.points.length && limitNow() !== drawnLimit) { drawTrend(); }
    text("bundle", state.bundle ? "Bundle " + state.bundle + ", serial " + state.serial + (now ? ", threshold " + now.value.toFixed(2) + " sigmas" : "") : "No bundle judges.");
    text("room", state.ring ? "Pictures take " + bytes(state.ring.bytes) + " of " + bytes(state.ring.most) + "." + (state.ring.lost ? " " + state.ring.lost.toLocaleString("en") + " could not be kept." : "") : "This station keeps no pictures.");
  }

  /* Pictures: one at a time, and the newest next, so that a fast line makes no queue. */
  function address(boot, seq, more) { return "/frame/" + seq + ".jpg?boot=" + encodeURIComponent(boot) + more; }
  let pictured = "";
  function follow() { if (state && state.part) { picture({boot: state.boot, seq: state.part.seq, verdict: state.part.verdict}); } }
  function picture(part) {
    if (loading) { return; }
    const wanted = address(part.boot, part.seq, by("heat").checked ? "&heat=1" : "");
    if (wanted === pictured) { return; }
    const next = new Image();
    loading = true;
    next.onload = () => {
      loading = false;
      pictured = wanted;
      const words = "Part " + part.seq + ": " + verdictWord(part.verdict);
      by("picture").src = wanted;
      by("picture").alt = words + (by("heat").checked ? ", with heat map" : "");
      by("picture").hidden = false;
      by("nopicture").hidden = true;
      text("caption", words + (part.note ? " (" + part.note + ")" : ""));
      again(part);
    };
    next.onerror = () => {
      loading = false;
      pictured = wanted;
      by("picture").hidden = true;
      by("nopicture").hidden = false;
      text("nopicture", "No picture of this part");
      text("caption", "Part " + part.seq + ": " + verdictWord(part.verdict));
      again(part);
    };
    next.src = wanted;
  }
  function again(part) {
    const wanted = chosen || (state && state.part ? {boot: state.boot, seq: state.part.seq, verdict: state.part.verdict} : part);
    if (wanted.seq !== part.seq || wanted.boot !== part.boot) { picture(wanted); }
  }
  function choose(part) {
    chosen = part;
    by("newest").hidden = part === null;
    if (part) { picture(part); } else { follow(); }
    if (state) { showStrip(); }
  }
  by("newest").addEventListener("click", () => choose(null));
  by("heat").addEventListener("change", () => { pictured = ""; if (chosen) { picture(chosen); } else { follow(); } });
  function thumb(boot, seq, words) {
    const image = make("img");
    image.alt = words;
    image.onerror = () => { if (image.parentNode) { image.parentNode.replaceChild(make("span", "no picture", "gone"), image); } };
    image.src = address(boot, seq, "&small=1");
    return image;
  }
  const shown = {};
  let shownBoot = "";
  function showStrip() {
    const place = by("strip");
    if (shownBoot !== state.boot) { shownBoot = state.boot; empty(place); Object.keys(shown).forEach((seq) => { delete shown[seq]; }); }
    by("strip-none").hidden = state.recent.length > 0;
    const there = {};
    let next = place.firstChild;
    state.recent.forEach((part) => {
      const word = part.verdict === "SIMULATED" && part.judged ? "sim. " + part.judged : verdictWord(part.verdict);
      const key = word + part.picture;
      there[part.seq] = true;
      if (!shown[part.seq] || shown[part.seq].key !== key) {
        const made = recentPart(part, word);
        if (shown[part.seq]) { if (next === shown[part.seq].item) { next = made.item; } place.replaceChild(made.item, shown[part.seq].item); }
        shown[part.seq] = {item: made.item, button: made.button, key: key};
      }
      const current = chosen !== null && chosen.boot === state.boot && chosen.seq === part.seq, item = shown[part.seq].item;
      shown[part.seq].button.setAttribute("aria-current", current ? "true" : "false");
      if (item === next) { next = item.nextSibling; } else { place.insertBefore(item, next); }
    });
    Object.keys(shown).forEach((seq) => { if (!there[seq]) { place.removeChild(shown[seq].item); delete shown[seq]; } });
  }
  function recentPart(part, word) {
    const item = make("li"), button = make("button", null, part.verdict);
    button.type = "button";
    button.appendChild(part.picture ? thumb(state.boot, part.seq, "") : make("span", "no picture", "gone"));
    button.appendChild(make("b", word));
    button.appendChild(make("small", String(part.seq)));
    button.setAttribute("aria-label", "Part " + part.seq + ": " + word);
    button.addEventListener("click", () => choose({boot: shownBoot, seq: part.seq, verdict: part.verdict}));
    item.appendChild(button);
    return {item: item, button: button};
  }

  /* Kept frames and their labels. */
  async function loadKept(before) {
    if (me.role === null) { return; }
    const waiting = onlyWaiting;
    let found;
    try { found = await request("/parts?waiting=" + waiting + (before ? "&before=" + before : "")); } catch (error) { return; }
    if (waiting !== onlyWaiting) { return; }
    if (found.parts === null) { by("kept").hidden = true; return; }
    by("kept").hidden = false;
    if (before) { frames = (frames || []).concat(found.parts); hasOlder = found.parts.length === 24; }
    else {
      const old = found.parts.length && frames ? frames.filter((each) => each.id < found.parts[found.parts.length - 1].id) : [];
      hasOlder = old.length ? hasOlder : found.parts.length === 24;
      frames = found.parts.concat(old);
    }
    showFrames();
  }
  const cards = {};
  function showFrames() {
    const place = by("frames"), there = {};
    if (frames === null) { return; }
    by("kept-none").hidden = frames.length > 0;
    text("kept-none", onlyWaiting ? "None waits for a confirmation." : "No frame is kept yet.");
    by("older").hidden = !hasOlder;
    let next = place.firstChild;
    frames.forEach((frame) => {
      const key = [frame.label, frame.label_by, may("operator")].join();
      there[frame.id] = true;
      if (!cards[frame.id] || cards[frame.id].key !== key) {
        const made = card(frame);
        if (cards[frame.id]) { if (next === cards[frame.id].item) { next = made; } place.replaceChild(made, cards[frame.id].item); }
        cards[frame.id] = {item: made, key: key};
      }
      const item = cards[frame.id].item;
      if (item === next) { next = item.nextSibling; } else { place.insertBefore(item, next); }
    });
    Object.keys(cards).forEach((id) => { if (!there[id]) { if (cards[id].item.parentNode) { place.removeChild(cards[id].item); } delete cards[id]; } });
  }
  function keptFor(frame) {
    if (frame.kept_for !== "unknown") { return KEPT_FOR[frame.kept_for] || frame.kept_for; }
    if (frame.judged === null) { return "kept because nothing judged it"; }
    return frame.judged === "UNKNOWN" ? "kept as UNKNOWN" : "kept as too late";
  }
  function card(frame) {
    const item = make("li", null, "frame"), open = make("button"), words = make("div");
    const verdict = frame.verdict === "SIMULATED" && frame.judged ? frame.judged : frame.verdict;
    open.type = "button";
    open.setAttribute("aria-label", "Show part " + frame.seq + ": " + verdictWord(verdict));
    open.appendChild(thumb(frame.boot, frame.seq, ""));
    open.addEventListener("click", () => { choose({boot: frame.boot, seq: frame.seq, verdict: verdict, note: "kept frame"}); by("figure").scrollIntoView(); });
    words.appendChild(make("span", verdictWord(verdict), "chip " + verdict));
    words.appendChild(make("p", "Part " + frame.seq + ", " + when(frame.at) + (frame.score === null ? "" : ", score " + frame.score.toFixed(2)), "quiet"));
    words.appendChild(make("p", frame.product + ", " + keptFor(frame), "quiet"));
    if (frame.label) { words.appendChild(make("p", "Confirmed " + frame.label + " by " + frame.label_by)); }
    else if (frame.judged !== null) { words.appendChild(make("p", "Not confirmed", "quiet")); }
    item.appendChild(open); item.appendChild(words);
    if (may("operator") && frame.judged !== null) {
      const row = make("div", null, "row");
      [["good", "Confirm good"], ["defect", "Confirm defect"]].forEach((each) => {
        const button = make("button", each[1]), is = frame.label === each[0];
        button.type = "button";
        button.setAttribute("aria-pressed", is ? "true" : "false");
        button.title = is ? "Press again to take the label away" : "";
        button.addEventListener("click", async () => {
          const label = is ? null : each[0];
          if (Date.now() - moved < MOVED_MS) { say("The list has moved. Look at the frame, and press again."); return; }
          if (label && frame.judged === {good: "DEFECT", defect: "GOOD"}[label]) {
            const found = "The station judged part " + frame.seq + " " + frame.judged + ", with score " + frame.score.toFixed(2) + ".";
            if (!await ask("Confirm " + label + " against the verdict?", found + " Your name is written beside the label.", each[1], false)) { return; }
          }
          if (!await act("/label", {boot: frame.boot, seq: frame.seq, label: label})) { return; }
          if (frames === null) { return; }
          frames.filter((other) => other.id === frame.id).forEach((other) => { other.label = label; other.label_by = label ? me.name : null; });
          if (onlyWaiting) { frames = frames.filter((other) => !other.label); moved = Date.now(); }
          showFrames();
        });
        row.appendChild(button);
      });
      item.appendChild(row);
    }
    return item;
  }
  by("which").addEventListener("click", (event) => {
    const which = event.target.getAttribute("data-waiting");
    if (which === null || which === onlyWaiting) { return; }
    onlyWaiting = which;
    Array.from(by("which").children).forEach((each) => each.setAttribute("aria-pressed", each === event.target ? "true" : "false"));
    frames = null;
    moved = 0;
    loadKept();
  });
  by("older").addEventListener("click", () => { if (frames && frames.length) { loadKept(frames[frames.length - 1].id); } });
  setInterval(async () => {
    if (document.hidden) { return; }
    const first = frames && frames.length ? frames[0].id : null;
    await loadKept();
    if (frames && frames.length && frames[0].id !== first) { moved = Date.now(); }
  }, 10000);

  /* Commands. */
  async function command(path, body, title, words, yes, done) {
    if (await ask(title, words, yes, false)) { await act(path, body, done); }
  }
  by("halt").addEventListener("click", () => command("/halt", {}, "Halt the station?", "Every part is refused until somebody presses Reset.", "Halt", "Halted."));
  by("reset").addEventListener("click", () => command("/reset", {}, "Reset the station?", "It loads the product again, and takes parts when it is ready. Is the cause removed?", "Reset", "Reset has begun."));
  by("resync").addEventListener("click", () => command("/resync", {}, "Resync triggers and frames?", "Clear all parts between the trigger and the reject gate first.", "Resync", "Resync has begun."));
  by("change").addEventListener("click", () => {
    const place = by("products"), name = place.options.length ? place.options[place.selectedIndex].textContent : "";
    if (!name) { return; }
    command("/product", {number: Number(place.value)}, "Change to product " + name + "?", "Parts are refused until it is ready.", "Change", "The product is being prepared.");
  });
  by("acknowledge").addEventListener("click", () => command("/drift", {do: "acknowledge"}, "Acknowledge the drift?", "The alarm comes again if the change stays.", "Acknowledge", "Acknowledged."));
  by("reference").addEventListener("click", () => command("/drift", {do: "new reference"}, "Learn anew?", "What frames are like from now on is taken as right. Do this after a new lamp or lens, when parts are judged well.", "Learn anew", "Learning anew."));

  /* Threshold. */
  async function loadThreshold(value) {
    const number = ++asked;
    let found;
    try { found = await request("/threshold" + (value === null ? "" : "?value=" + value)); }
    catch (error) { by("threshold-set").hidden = true; text("threshold-now", "No product is judged."); return; }
    if (number !== asked) { return; }
    limits = found.limits;
    by("threshold-set").hidden = limits === null;
    const moved = found.threshold !== found.own;
    text("threshold-now", found.product + ": " + found.threshold.toFixed(3) + " sigmas" + (moved ? "; the bundle's own is " + found.own.toFixed(3) : ", the bundle's own") + (limits ? "." : ". It cannot be moved here: bundle and station allow no range."));
    by("own").disabled = !moved;
    if (limits) {
      const step = Math.pow(10, Math.floor(Math.log10(Math.max(limits[1] - limits[0], 1e-6))) - 2);
      ["slider", "value"].forEach((id) => {
        const place = by(id);
        place.min = limits[0]; place.max = limits[1]; place.step = id === "slider" ? step : "any";
        if (value === null) { place.value = found.threshold.toFixed(3); }
      });
    }
    by("set").dataset.bundle = found.bundle;
    by("set").dataset.now = found.threshold.toFixed(3); by("set").dataset.own = found.own.toFixed(3);
    const share = (100 * found.rate).toPrecision(3).replace(/\.?0+$/, "") + " %" + (found.or_fewer ? " or fewer" : "");
    const change = found.changes;
    text("rate", "At " + found.value.toFixed(3) + ": about " + share + " of good " + found.unit + " rejected (from " + found.held_out + " held-out ones)." + (change ? " Of " + change.frames + " kept frames, " + change.to_good + " would become GOOD and " + change.to_defect + " DEFECT." : ""));
  }
  let thinking = 0;
  function think(from, to) {
    by(to).value = by(from).value;
    clearTimeout(thinking);
    thinking = setTimeout(() => { if (by(from).value !== "") { loadThreshold(Number(by(from).value)); } }, 150);
  }
  by("slider").addEventListener("input", () => think("slider", "value"));
  by("value").addEventListener("input", () => think("value", "slider"));
  function rises(value) {
    const now = Number(by("set").dataset.now);
    return value > now ? " It rises: parts with scores from " + now.toFixed(3) + " to " + value.toFixed(3) + ", which are rejected now, will pass as GOOD." : "";
  }
  async function setThreshold(value, words) {
    const place = by("set");
    if (await ask("Change the threshold?", words + " The next part is judged by it. Your name is written to the audit.", "Change", false)) {
      await act("/threshold", {value: value, bundle: place.dataset.bundle}, "The threshold is changed.");
      loadThreshold(null);
    }
  }
  by("set").addEventListener("click", () => {
    const value = Number(by("value").value);
    if (by("value").value === "" || !isFinite(value)) { say("Enter a number of sigmas."); return; }
    setThreshold(value, "From " + by("set").dataset.now + " to " + value.toFixed(3) + " sigmas." + rises(value));
  });
  by("own").addEventListener("click", () => setThreshold(null, "Back to the bundle's own threshold, " + Number(by("set").dataset.own).toFixed(3) + " sigmas." + rises(Number(by("set").dataset.own))));

  /* Trend. */
  async function loadTrend() {
    if (me.role === null) { return; }
    try { points = await request("/trend?hours=" + hours); } catch (error) { return; }
    drawTrend();
  }
  function svg(tag, facts, words) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.keys(facts).forEach((name) => made.setAttribute(name, facts[name]));
    if (words !== undefined) { made.textContent = words; }
    return made;
  }
  /* The threshold in force, which is moved before a minute is over. */
  function limitNow() {
    const all = points.points, now = state && state.threshold && state.product.name === points.product ? state.threshold : null;
    return now ? now.value : all[all.length - 1].threshold;
  }
  let drawnLimit = null;
  function drawTrend() {
    const place = by("chart"), all = points ? points.points : [];
    empty(place);
    if (all.length === 0) { text("chart-words", "No scores in this time."); return; }
    const width = Math.max(260, by("chart-words").clientWidth), height = 190, left = 40, right = 8, top = 10, bottom = 24;
    const limit = drawnLimit = limitNow();
    const highest = Math.max.apply(null, all.map((each) => each.highest)), median = Math.max.apply(null, all.map((each) => each.median));
    /* far outliers are cut, but never the median */
    const most = Math.min(Math.max(highest, 1.15 * limit, 1.15 * median), Math.max(3 * limit, limit + 4, 1.15 * median));
    const least = Math.min(0, Math.min.apply(null, all.map((each) => each.low)));
    const x = (at) => left + (width - left - right) * (at - points.since) / (points.until - points.since);
    const y = (score) => top + (height - top - bottom) * (1 - (Math.min(score, most) - least) / (most - least));
    const drawn = svg("svg", {viewBox: "0 0 " + width + " " + height});
    for (let index = 0; index <= 3; index += 1) {
      const score = least + (most - least) * index / 3;
      drawn.appendChild(svg("line", {"class": "grid", x1: left, x2: width - right, y1: y(score), y2: y(score)}));
      drawn.appendChild(svg("text", {x: left - 6, y: y(score) + 4, "text-anchor": "end"}, score.toFixed(1)));
    }
    const days = points.until - points.since > 2 * 86400;
    [0, 0.5, 1].forEach((share) => {
      const at = points.since + share * (points.until - points.since), date = new Date(at * 1000);
      const words = days ? date.toLocaleDateString("en-GB").slice(0, 5) : time(at).slice(0, 5);
      drawn.appendChild(svg("text", {x: x(at), y: height - 6, "text-anchor": ["start", "middle", "end"][share * 2]}, words));
    });
    const gap = 2.5 * Math.max(60, (points.until - points.since) / 480);
    const runs = [];
    all.forEach((each, index) => {
      if (index === 0 || each.at - all[index - 1].at > gap) { runs.push([]); }
      runs[runs.length - 1].push(each);
    });
    const line = (run, key) => run.map((each) => x(each.at).toFixed(1) + "," + y(each[key]).toFixed(1)).join(" ");
    runs.forEach((run) => {
      const wide = run.length > 1 ? run : [run[0], Object.assign({}, run[0], {at: run[0].at + gap / 2})];
      drawn.appendChild(svg("polygon", {"class": "band", points: line(wide, "high") + " " + line(wide.slice().reverse(), "low")}));
      drawn.appendChild(svg("polyline", {"class": "median", points: line(wide, "median")}));
      drawn.appendChild(svg("polyline", {"class": "threshold", points: line(wide, "threshold")}));
    });
    all.filter((each) => each.highest > each.threshold).forEach((each) => drawn.appendChild(svg("circle", {"class": "highest", cx: x(each.at), cy: y(each.highest), r: 3})));
    const newest = all[all.length - 1];
    drawn.appendChild(svg("polyline", {"class": "threshold", points: x(newest.at) + "," + y(newest.threshold) + " " + x(newest.at) + "," + y(limit) + " " + (width - right) + "," + y(limit)}));
    drawn.appendChild(svg("text", {"class": "threshold-text", x: width - right - 4, y: Math.max(12, y(limit) - 5), "text-anchor": "end"}, "threshold " + limit.toFixed(2)));
    place.appendChild(drawn);
    const last = all[all.length - 1];
    const words = "Line: median of each minute, last " + last.median.toFixed(2) + ". Band: 5 to 95 % of parts. Dots: the highest score of a minute, where it is above the threshold.";
    text("chart-words", words);
    place.setAttribute("aria-label", "Scores of " + points.product + ": last median " + last.median.toFixed(2) + ", highest " + highest.toFixed(2) + ", threshold " + limit.toFixed(2));
  }
  by("spans").addEventListener("click", (event) => {
    const chosenSpan = event.target.getAttribute("data-hours");
    if (!chosenSpan) { return; }
    hours = Number(chosenSpan);
    Array.from(by("spans").children).forEach((each) => each.setAttribute("aria-pressed", each === event.target ? "true" : "false"));
    loadTrend();
  });
  setInterval(() => { if (!document.hidden) { loadTrend(); } }, 30000);
  let resizing = 0;
  window.addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(() => { if (points) { drawTrend(); } }, 200); });
  whoAmI();
}());
