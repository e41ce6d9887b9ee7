// The page: one text with its words, and many as a table.

import { ask, jobs, lines, post } from "./asking.js";
import { Table, toCsv } from "./rows.js";

const at = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const count = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

const TYPES = {
  csv: "text/csv", tsv: "text/tab-separated-values", txt: "text/plain", json: "application/json",
  jsonl: "application/x-ndjson", ndjson: "application/x-ndjson",
  parquet: "application/vnd.apache.parquet",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
};

// What is served

function make(name, text, parent) {
  const element = document.createElement(name);
  element.textContent = text;
  parent.append(element);
  return element;
}

// How far the interval around a score reaches; null where the model answers with labels.
let halfWidth = null;

const route = (name) => `models/${encodeURIComponent(at("model").value)}/${name}`;

async function greet() {
  let info;
  const chosen = at("model").value;
  try {
    info = await (await ask(chosen ? route("info") : "info")).json();
  } catch (error) {
    if (error.status !== 401) at("one-wrong").textContent = error.message;
    else at("key-said").textContent = error.message;
    return false;
  }
  if (!chosen) {
    at("model").replaceChildren(...info.models.map((name) => new Option(name)));
    at("which").hidden = info.models.length < 2;
  }
  halfWidth = info.task === "score" ? (info.half_width ?? 0) : null;
  at("label").replaceChildren(...info.labels.map((name) => new Option(name)));
  const labels = info.labels.length > 6 ? count(info.labels.length, "label") : info.labels.join(", ");
  at("about").textContent = `${info.model_id} · ${labels} · reads ${info.max_input_length} tokens of a text`;
  document.title = `Try a text: ${info.model_id}`;
  return true;
}

document.addEventListener("keywanted", () => {
  at("door").hidden = false;
  at("key").focus();
});

at("door").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!(await greet())) return;
  at("key-said").textContent = "The key is right.";
  for (const id of ["one-wrong", "many-wrong"]) at(id).textContent = "";
  at("text").focus();
});

at("model").addEventListener("change", () =>
  single(async () => {
    at("found").hidden = true;
    at("one-said").textContent = "";
    await greet();
  }));

// One text

const single = jobs(at("one-wrong"));

function showLabels(ranking) {
  at("labels").replaceChildren();
  for (const { label, score } of ranking) {
    const row = make("tr", "", at("labels"));
    make("th", label, row).scope = "row";
    make("td", percent(score), row).className = "number";
    const bar = make("span", "", make("td", "", row));
    bar.className = "bar";
    bar.style.setProperty("--w", score);
  }
}

function list(place, words) {
  const felt = words.filter(({ importance }) => Math.abs(importance) >= 0.005);
  const named = felt.slice(0, 6).map(({ word, importance }) => `${word} (${Math.abs(importance).toFixed(2)})`);
  place.textContent = named.join(", ") || "none";
}

function showWords(text, found) {
  // Places are counted in code points, not in the halves that JavaScript counts in.
  const letters = Array.from(text);
  const strongest = Math.max(...found.words.map(({ importance }) => Math.abs(importance)), 1e-9);
  at("marked").replaceChildren();
  let end = 0;
  for (const { start, end: stop, importance } of found.words) {
    at("marked").append(letters.slice(end, start).join(""));
    const share = Math.abs(importance) / strongest;
    const mark = make("mark", letters.slice(start, stop).join(""), at("marked"));
    if (share > 0.05) mark.className = importance < 0 ? "against" : "for";
    mark.style.setProperty("--w", share);
    end = stop;
  }
  at("marked").append(letters.slice(end).join(""));
  const sorted = [...found.words].sort((a, b) => b.importance - a.importance);
  list(at("for"), sorted.filter(({ importance }) => importance > 0));
  list(at("against"), sorted.filter(({ importance }) => importance < 0).reverse());
  at("label").value = found.label;
  at("why").hidden = false;
}

async function explain(text, label, signal) {
  const found = await post(route("explain"), label ? { inputs: text, label } : { inputs: text }, signal);
  showWords(text, found);
  return found;
}

async function classify(signal) {
  const text = at("text").value;
  if (!text.trim()) {
    at("text").focus();
    throw new Error("There is no text yet: write one first.");
  }
  if (!at("model").value && !(await greet())) throw new Error("The server wants a key first.");
  // The label first: its words take some times as long.
  const ranking = await post(route("predict"), { inputs: text }, signal);
  if (halfWidth !== null) {
    const [{ score }] = ranking;
    const ends = [score - halfWidth, score + halfWidth].map((end) => end.toFixed(2));
    const spread = halfWidth ? ` (nine of ten such texts: ${ends.join(" to ")})` : "";
    at("found").hidden = true;
    at("one-said").textContent = `${score.toFixed(2)}${spread}`;
    return;
  }
  showLabels(ranking);
  at("found").hidden = false;
  at("why").hidden = true;
  const [{ label, score }] = ranking;
  at("one-said").textContent = `${label}, ${percent(score)}`;
  const { truncated } = await explain(text, label, signal);
  if (truncated) at("one-said").append("; the end of the text was not read");
}

at("one").addEventListener("submit", (event) => {
  event.preventDefault();
  single(classify);
});

at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("one").requestSubmit();
});

at("label").addEventListener("change", () =>
  single((signal) => explain(at("marked").textContent, at("label").value, signal)));

// Many texts

const batch = jobs(at("many-wrong"));
const table = new Table(at("columns"), at("cells"), at("more"));
let stopped = null;
let name = "texts";

async function classifyTable(body, type, column, signal) {
  if (!at("model").value && !(await greet())) throw new Error("The server wants a key first.");
  stopped = new AbortController();
  const asked = `?format=jsonl${column ? `&column=${encodeURIComponent(column)}` : ""}`;
  const headers = { "Content-Type": type };
  const both = AbortSignal.any([signal, stopped.signal]);
  at("stop").hidden = false;
  at("rows").hidden = true;
  at("many-said").textContent = "Sending …";
  const rows = [];
  let said = 0;
  try {
    const answer = await ask(route("table") + asked, { method: "POST", body, headers, signal: both });
    for await (const row of lines(answer)) {
      rows.push(row);
      // A screen reader reads each: every two seconds is often enough.
      if (performance.now() - said < 2000) continue;
      said = performance.now();
      at("many-said").textContent = `${count(rows.length, "row")} so far …`;
    }
    at("many-said").textContent = `${count(rows.length, "row")} classified`;
  } catch (error) {
    at("many-said").textContent = rows.length ? `${count(rows.length, "row")}, not all` : "";
    throw error;
  } finally {
    if (!signal.aborted) {
      at("stop").hidden = true;
      showRows(rows);
    }
  }
}

function showRows(rows) {
  at("rows").hidden = rows.length === 0;
  at("rows-about").textContent = `Predictions of ${name}; a column's name sorts by it`;
  table.show(rows);
}

at("stop").addEventListener("click", () => stopped.abort());

at("paste").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = at("lines").value.split("\n").filter((line) => line.trim());
  batch((signal) => {
    if (!given.length) throw new Error("There are no lines yet: write or paste some first.");
    name = "pasted lines";
    return classifyTable(given.join("\n") + "\n", "text/plain", "", signal);
  });
});

at("drop").addEventListener("submit", (event) => {
  event.preventDefault();
  const [file] = at("file").files;
  batch((signal) => {
    if (!file) throw new Error("There is no file yet: choose one, or drop one on this page.");
    const type = TYPES[file.name.split(".").pop().toLowerCase()];
    if (!type) throw new Error(`${file.name} is no table that is known by its name: wanted one of ${Object.keys(TYPES).join(", ")}.`);
    name = file.name;
    return classifyTable(file, type, at("column").value.trim(), signal);
  });
});

// Without these a browser leaves the page and shows the file; text that is dragged is its own affair.
const brings = (event) => event.dataTransfer.types.includes("Files");
addEventListener("dragover", (event) => {
  if (!brings(event)) return;
  event.preventDefault();
  at("drop").classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) at("drop").classList.remove("over");
});
addEventListener("drop", (event) => {
  if (!brings(event)) return;
  event.preventDefault();
  at("drop").classList.remove("over");
  at("file").files = event.dataTransfer.files;
  at("column").value = "";
  at("drop").requestSubmit();
});

at("download").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([toCsv(table.order, table.names)], { type: "text/csv" }));
  link.download = `${name.replace(/\.[^.]*$/, "")}-predicted.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
});

greet();
