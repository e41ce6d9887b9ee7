// Ask the server, and say in a sentence what went wrong.

export class Trouble extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const key = document.getElementById("key");

const SAID = {
  401: () => (key.value ? "The API key is not the right one." : "This server wants an API key: write it above."),
  413: (said) => `That is more than the server takes: ${said}.`,
  429: (said, seconds) => `The server has too much to do; try again in ${seconds || 1} s.`,
  503: (said) => `The server cannot answer now: ${said}.`,
};

// The server's answer, or a Trouble whose message is a sentence for people.
export async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  // A header holds no other letters, and neither does a key.
  if (!/^[ -~]*$/.test(key.value)) throw new Trouble(SAID[401](), 401);
  if (key.value) headers.set("Authorization", `Bearer ${key.value}`);
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("The server does not answer. Is it still running, and is there a network?", 0);
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  const said = body.error || answer.statusText || `status ${answer.status}`;
  if (answer.status === 401) document.dispatchEvent(new Event("keywanted"));
  const sentence = SAID[answer.status]
    ? SAID[answer.status](said, answer.headers.get("retry-after"))
    : `The server refused: ${said.replace("?column=", "the field for it")}.`;
  throw new Trouble(sentence, answer.status);
}

export async function post(path, value, signal) {
  const headers = { "Content-Type": "application/json" };
  const answer = await ask(path, { method: "POST", body: JSON.stringify(value), headers, signal });
  return answer.json();
}

// The values of a JSON Lines answer, as they come.
export async function* lines(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Trouble("The answer broke off: the server or the network went away.", 0);
    }
    if (part.done) break;
    const whole = (rest + part.value).split("\n");
    rest = whole.pop();
    for (const line of whole) if (line) yield JSON.parse(line);
  }
  if (rest) yield JSON.parse(rest);
}

// A runner of jobs: a newer one ends the older, and what goes wrong is written to an element.
export function jobs(wrong) {
  let current = new AbortController();
  return async (work) => {
    current.abort();
    current = new AbortController();
    wrong.textContent = "";
    try {
      await work(current.signal);
    } catch (error) {
      if (error.name !== "AbortError") wrong.textContent = error.message;
    }
  };
}
