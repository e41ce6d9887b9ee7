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

// What the chosen model reads and answers with, as /info says it.
let info = null;

const route = (name) => `models/${encodeURIComponent(at("model").value)}/${name}`;

async function greet() {
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
  at("label").replaceChildren(...info.labels.map((name) => new Option(name)));
  showFields();
  const labels = info.labels.length > 6 ? count(info.labels.length, "label") : info.labels.join(", ");
  at("about").textContent = `${info.model_id} · ${labels} · reads ${info.max_input_length} tokens of a ${info.reads.length > 1 ? "row" : "text"}${info.costs.length ? " · says what is expected to cost least" : ""}`;
  document.title = `Try a text: ${info.model_id}`;
  return true;
}

// A field for each column that is read beside the text; what is written in them already stays.
function showFields() {
  const [text, ...others] = info.reads;
  const before = cells();
  at("text-name").textContent = others.length ? text : "Text";
  at("beside").replaceChildren();
  others.forEach((name, place) => {
    const label = make("label", name, at("beside"));
    const field = make("input", "", at("beside"));
    label.htmlFor = field.id = `beside-${place}`;
    Object.assign(field, { name, type: "text", autocomplete: "off", value: before[name] ?? "" });
  });
  at("lines-name").textContent = others.length
    ? `Rows, one a line, with a tab between ${info.reads.join(", ")}`
    : "Texts, one a line";
}

const cells = () =>
  Object.fromEntries([...at("beside").querySelectorAll("input")].map(({ name, value }) => [name, value]));

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
    info = null;
    await greet();
  }));

// One text

const single = jobs(at("one-wrong"));

const sure = ({ label, score }) => `${label}, ${percent(score)}`;

// What is said of an answer, and its labels in the order in which they are shown, by task.
const ANSWERS = {
  classes: (ranking) => [sure(ranking[0]), ranking],
  stars: (ranking) => {
    const star = (one) => info.stars[info.labels.indexOf(one.label)];
    const mean = ranking.reduce((sum, one) => sum + star(one) * one.score, 0);
    const ordered = [...ranking].sort((one, other) => star(one) - star(other));
    return [`${sure(ranking[0])}; ${mean.toFixed(2)} stars expected`, ordered];
  },
  score: ([{ score }]) => {
    const width = info.half_width;
    const ends = [score - width, score + width].map((end) => end.toFixed(2)).join(" to ");
    return [`${score.toFixed(2)}${width ? ` (nine of ten such texts: ${ends})` : ""}`, []];
  },
  multi: (ranking) => {
    const given = ranking.filter((one) => one.score >= threshold(one)).map((one) => one.label);
    return [given.join(", ") || "none of its labels", ranking];
  },
};

const threshold = ({ label }) => info.thresholds[info.labels.indexOf(label)];

function showLabels(ranking) {
  at("cut").hidden = info.task !== "multi";
  at("labels").replaceChildren();
  for (const one of ranking) {
    const row = make("tr", "", at("labels"));
    make("th", one.label, row).scope = "row";
    make("td", percent(one.score), row).className = "number";
    if (info.task === "multi") {
      make("td", percent(threshold(one)), row).className = "number";
      row.className = one.score >= threshold(one) ? "given" : "";
    }
    const bar = make("span", "", make("td", "", row));
    bar.className = "bar";
    bar.style.setProperty("--w", one.score);
  }
}

function list(place, words) {
  const felt = words.filter(({ importance }) => Math.abs(importance) >= 0.005);
  const named = felt.slice(0, 6).map(({ word, importance }) => `${word} (${Math.abs(importance).toFixed(2)})`);
  place.textContent = named.join(", ") || "none";
}

function showWords(found) {
  // Places are counted in code points, not in the halves that JavaScript counts in.
  const letters = Array.from(found.text);
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

// What was asked last: a text, or the cells of a row by column.
let asked = "";

async function explain(label, signal) {
  const found = await post(route("explain"), label ? { inputs: asked, label } : { inputs: asked }, signal);
  showWords(found);
  return found;
}

function written() {
  const [text, ...others] = info.reads;
  for (const [field, what] of [[at("text"), "text"], [at("beside").lastElementChild, info.pair]]) {
    if (!what || field.value.trim()) continue;
    field.focus();
    throw new Error(`There is no ${what} yet: write one first.`);
  }
  return others.length ? { [text]: at("text").value, ...cells() } : at("text").value;
}

async function classify(signal) {
  if (!info && !(await greet())) throw new Error("The server wants a key first.");
  asked = written();
  // The label first: its words take some times as long.
  const ranking = await post(route("predict"), { inputs: asked }, signal);
  const [said, labels] = ANSWERS[info.task](ranking);
  showLabels(labels);
  at("found").hidden = labels.length === 0;
  at("why").hidden = true;
  at("one-said").textContent = said;
  if (!info.explains) return;
  const { truncated } = await explain(ranking[0].label, signal);
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
  single((signal) => explain(at("label").value, signal)));

// Many texts

const batch = jobs(at("many-wrong"));
const table = new Table(at("columns"), at("cells"), at("more"));
let stopped = null;
let name = "texts";

async function classifyTable(body, type, column, signal) {
  if (!info && !(await greet())) throw new Error("The server wants a key first.");
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
    const isRows = info?.reads.length > 1;
    const lines = isRows ? [info.reads.join("\t"), ...given] : given;
    return classifyTable(lines.join("\n") + "\n", isRows ? TYPES.tsv : TYPES.txt, "", signal);
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
