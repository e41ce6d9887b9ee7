// Rows as a table to sort, and as a CSV file.

const PORTION = 50; // Rows a browser lays out without being felt; all are sorted and downloaded.
const FORMULA = /^'*[=+\-@\t\r\n]/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

const collator = new Intl.Collator(undefined, { numeric: true });

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return collator.compare(String(one), String(other));
}

function plain(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

// The rule of `tables/writing.py`: what a spreadsheet program would run gets an apostrophe.
function cell(value) {
  let text = plain(value);
  if (typeof value === "string" && FORMULA.test(text) && !NUMBER.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function toCsv(rows, names) {
  const line = (values) => values.map(cell).join(",");
  return [line(names), ...rows.map((row) => line(names.map((name) => row[name])))].join("\n") + "\n";
}

export class Table {
  constructor(head, body, more) {
    Object.assign(this, { head, body, more, rows: [], order: [], names: [], sorted: null, up: true });
    more.addEventListener("click", () => {
      const first = this.body.rows.length;
      this.extend();
      this.body.rows[first].tabIndex = -1;
      this.body.rows[first].focus();
    });
  }

  show(rows) {
    this.rows = this.order = rows;
    this.sorted = null;
    this.names = rows.length ? Object.keys(rows[0]) : [];
    this.numbers = new Set(this.names.filter((name) => rows.some((row) => typeof row[name] === "number")));
    const line = document.createElement("tr");
    this.names.forEach((name) => {
      const th = document.createElement("th");
      const button = document.createElement("button");
      th.scope = "col";
      th.className = this.numbers.has(name) ? "number" : "";
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => this.sort(name));
      th.append(button);
      line.append(th);
    });
    this.head.replaceChildren(line);
    this.refill();
  }

  sort(name) {
    this.up = this.sorted === name ? !this.up : true;
    this.sorted = name;
    const way = this.up ? 1 : -1;
    const known = (row) => row[name] !== null && row[name] !== undefined && row[name] !== "";
    // Rows without a value stay at the end, whichever way.
    this.order = [...this.rows].sort((a, b) =>
      known(a) && known(b) ? way * compare(a[name], b[name]) : known(b) - known(a));
    [...this.head.rows[0].cells].forEach((th, place) => {
      if (this.names[place] !== name) th.removeAttribute("aria-sort");
      else th.setAttribute("aria-sort", this.up ? "ascending" : "descending");
    });
    this.refill();
  }

  refill() {
    this.body.replaceChildren();
    this.extend();
  }

  extend() {
    const start = this.body.rows.length;
    for (const row of this.order.slice(start, start + PORTION)) {
      const line = document.createElement("tr");
      for (const name of this.names) {
        const td = document.createElement("td");
        td.textContent = plain(row[name]);
        if (this.numbers.has(name)) td.className = "number";
        else if (td.textContent.length > 30) td.className = "long";
        line.append(td);
      }
      this.body.append(line);
    }
    this.more.hidden = this.body.rows.length >= this.rows.length;
  }
}
