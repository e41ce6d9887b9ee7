"use strict";

const EXAMPLES = {
  PredictRequest: { inputs: "What a film!" },
  TaskRequest: { inputs: "What a film!", parameters: { top_k: 2 } },
  ExplainRequest: { inputs: "Not bad at all." },
  InvocationsRequest: { dataframe_records: [{ text: "What a film!" }] },
  InferRequest: { inputs: [{ name: "text", shape: [1], datatype: "BYTES", data: ["What a film!"] }] },
};

function make(name, text, parent) {
  const element = document.createElement(name);
  if (text) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

// A schema as one reads it: names and types, one a line.
function outline(schema, all, depth = 0) {
  if (schema.$ref) return outline(all[schema.$ref.split("/").pop()], all, depth);
  if (schema.anyOf) return schema.anyOf.map((one) => outline(one, all, depth)).join(" | ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.type === "array") return "[" + outline(schema.items || {}, all, depth) + ", …]";
  if (!schema.properties) return schema.type || "anything";
  const margin = "  ".repeat(depth + 1);
  const lines = Object.entries(schema.properties).map(([name, one]) => {
    const needed = (schema.required || []).includes(name) ? "" : "?";
    return `${margin}${name}${needed}: ${outline(one, all, depth + 1)}`;
  });
  return "{\n" + lines.join("\n") + "\n" + "  ".repeat(depth) + "}";
}

async function send(method, path, type, body, shown) {
  const headers = {};
  const key = document.getElementById("key").value;
  if (key) headers.Authorization = "Bearer " + key;
  if (body !== null) headers["Content-Type"] = type;
  shown.textContent = "…";
  try {
    const answer = await fetch(path, { method, headers, body: body === null ? undefined : body });
    shown.textContent = answer.status + " " + answer.statusText + "\n" + (await answer.text());
  } catch (error) {
    shown.textContent = String(error);
  }
}

function show(path, method, operation, schemas, parent) {
  const details = make("details", "", parent);
  const summary = make("summary", "", details);
  make("b", method.toUpperCase(), summary);
  make("code", path, summary);
  make("span", operation.summary, summary);
  const inside = make("div", "", details);
  inside.className = "inside";
  const content = operation.requestBody ? operation.requestBody.content : null;
  const type = content ? Object.keys(content)[0] : "";
  let area = null;
  if (content) {
    const schema = content[type].schema;
    make("p", "Takes " + Object.keys(content).join(", "), inside);
    make("pre", outline(schema, schemas), inside);
    const example = EXAMPLES[(schema.$ref || "").split("/").pop()];
    const label = make("label", "Body", inside);
    area = make("textarea", "", label);
    area.value = example ? JSON.stringify(example, null, 1) : "text\nWhat a film!\n";
  }
  const asked = operation.parameters.filter((one) => one.in === "query");
  if (asked.length) {
    make("p", "May be asked in the address, as ?" + asked[0].name + "=…", inside);
    make("pre", asked.map((one) => one.name + "?: " + outline(one.schema, schemas)).join("\n"), inside);
  }
  make("p", "Answers: " + Object.keys(operation.responses).join(", "), inside);
  const place = make("label", "Address ", inside);
  const address = make("input", "", place);
  address.value = path;
  const button = make("button", "Send", inside);
  const shown = make("pre", "", inside);
  button.addEventListener("click", () =>
    send(method.toUpperCase(), address.value, type, area ? area.value : null, shown));
}

async function start() {
  const main = document.getElementById("routes");
  const answer = await fetch("/openapi.json");
  const described = await answer.json();
  main.textContent = "";
  for (const [path, methods] of Object.entries(described.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      show(path, method, operation, described.components.schemas, main);
    }
  }
}

start();
