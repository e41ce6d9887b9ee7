// A predictor folder in transformers.js: in a page, or in Node.

// Opens a predictor with the transformers.js module that is given; files on this host alone are read.
//
//   home    Where the folder lies: a path in Node, an address that ends in / in a page.
//   folder  Its name.
//   dtype   "q8" for onnx/model_quantized.onnx, "fp32" for onnx/model.onnx.
//   read    Gives the text of a file of the folder.
export async function open(transformers, home, folder, dtype, read) {
  const { AutoModelForSequenceClassification, AutoTokenizer, Tensor, env } = transformers;
  env.allowLocalModels = true;
  env.allowRemoteModels = false;
  env.useBrowserCache = false;
  env.localModelPath = home;
  const manifest = JSON.parse(await read("manifest.json"));
  if (manifest.cleaning.length) {
    throw new Error(`this predictor cleans texts first (${manifest.cleaning.join(", ")}), which is not done here`);
  }
  const { pair_column: second, also = [] } = manifest.table ?? {};
  if (second || also.length) {
    const columns = [second, ...also].filter(Boolean).join(", ");
    throw new Error(`this predictor reads further columns (${columns}), which is not done here`);
  }
  const tokenizer = await AutoTokenizer.from_pretrained(folder);
  const model = await AutoModelForSequenceClassification.from_pretrained(folder, { dtype });
  const around = tokenizer.encode("");

  // transformers.js cuts the closing token off a long text too, which moves its probabilities.
  function cut(ids) {
    let closing = around.length;
    while (around.slice(around.length - closing).some((id, k) => id !== ids[ids.length - closing + k])) closing -= 1;
    return [...ids.slice(0, manifest.maxlen - closing), ...ids.slice(ids.length - closing)];
  }

  function pad(rows) {
    const width = Math.max(...rows.map((ids) => ids.length));
    const tensor = (fill) => new Tensor("int64", BigInt64Array.from(rows.flatMap(fill), BigInt), [rows.length, width]);
    const rest = (ids, value) => Array(width - ids.length).fill(value);
    return {
      input_ids: tensor((ids) => [...ids, ...rest(ids, manifest.padding_id)]),
      attention_mask: tensor((ids) => [...ids.map(() => 1), ...rest(ids, 0)]),
    };
  }

  function softmax(logits) {
    const most = Math.max(...logits);
    const shares = logits.map((logit) => Math.exp(logit - most));
    const sum = shares.reduce((a, b) => a + b);
    return shares.map((share) => share / sum);
  }

  // Of several labels each is decided on its own; a score is a number in the unit of the training rows.
  const kinds = { multi: (logits) => logits.map((logit) => 1 / (1 + Math.exp(-logit))), score: (logits) => logits };

  // The labels of each text with their probabilities, in the order of the manifest; or `score` with the score.
  async function classify(texts) {
    const rows = texts.map((text) => tokenizer.encode(text));
    const { logits } = await model(pad(rows.map((ids) => (ids.length > manifest.maxlen ? cut(ids) : ids))));
    return logits.tolist().map((row) => {
      // 1 but in folders of earlier releases; later ones have it in their weights.
      const warm = row.map((logit) => logit / manifest.temperature);
      const found = (kinds[manifest.task] ?? softmax)(warm);
      return Object.fromEntries(manifest.labels.map((label, k) => [label, found[k]]));
    });
  }

  return Object.assign(classify, { task: manifest.task });
}
