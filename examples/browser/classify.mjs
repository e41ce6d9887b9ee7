// The same in Node: a JSON list of texts in, a JSON list of probabilities out.
//
//   echo '["What a film!"]' | node classify.mjs path/to/predictor q8

import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { text } from "node:stream/consumers";

import * as transformers from "@huggingface/transformers";

import { open } from "./classifier.js";

const place = resolve(process.argv[2]);
const read = (name) => readFile(join(place, name), "utf8");
const classify = await open(transformers, `${dirname(place)}/`, basename(place), process.argv[3], read);
console.log(JSON.stringify(await classify(JSON.parse(await text(process.stdin)))));
