import * as transformers from "./node_modules/@huggingface/transformers/dist/transformers.min.js";

import { open } from "./classifier.js";

// Without this the engine would be fetched from a CDN.
const engine = new URL("./node_modules/onnxruntime-web/dist/", import.meta.url).href;
transformers.env.backends.onnx.wasm.wasmPaths = engine;

const home = new URL("./", import.meta.url).pathname;
const read = async (name) => (await fetch(`${home}predictor/${name}`)).text();
const said = document.getElementById("said");
const form = document.querySelector("form");

try {
  const classify = await open(transformers, home, "predictor", "q8", read);
  form.querySelector("button").disabled = false;
  said.textContent = "Ready.";
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = document.getElementById("text").value;
    if (!text.trim()) {
      said.textContent = "There is no text yet.";
      return;
    }
    const [found] = await classify([text]);
    const sorted = Object.entries(found).sort(([, a], [, b]) => b - a);
    const spelled = (value) => (classify.task === "score" ? value.toPrecision(3) : `${(100 * value).toFixed(1)} %`);
    said.textContent = sorted.map(([label, value]) => `${label} ${spelled(value)}`).join(", ");
  });
} catch (error) {
  said.textContent = `The predictor cannot be loaded: ${error.message}`;
}
