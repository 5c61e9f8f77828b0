// The lines of a conversation: each its own node, that a screen reader hears once. Text is only ever text.
const LINK = /(https?:\/\/[^\s<>"']+)/gi;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

function link(text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    return text;
  }
  // a name before the host ("https://bank.example@evil.example") is there to deceive
  if (!["http:", "https:"].includes(url.protocol) || url.username || url.password) return text;
  return element("a", { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
}

function withLinks(text) {
  return text.split(LINK).flatMap((part, index) => {
    if (index % 2 === 0) return [part];
    const address = part.replace(/[.,;:!?)\]]+$/, "");
    return [link(address), part.slice(address.length)];
  });
}

class Log {
  // `chosen`: hears the title of a choice that was offered and taken.
  constructor(words, title, chosen) {
    this.words = words;
    this.chosen = chosen;
    this.title = title;
    this.nodes = new Map();
    this.order = [];
    this.node = element("div", { class: "log", role: "log", "aria-live": "polite", tabindex: "0" });
    this.node.setAttribute("aria-label", words.messages);
  }

  // Lines of the company that are here, by key.
  get theirs() {
    return this.order.filter((line) => line.from === "company").map((line) => line.key);
  }

  clear() {
    this.order = [];
    this.show([]);
  }

  // Take lines as the daemon tells them: what is known is mended, what is new stands where it belongs.
  take(lines) {
    const told = new Set(lines.map((line) => line.id));
    this.order = [...this.order.filter((line) => !told.has(line.id)), ...lines];
  }

  // Draw the log, then what is not in it yet.
  show(local) {
    const wanted = [
      ...this.order.map((line) => ({ ...line, node: line.from === "visitor" ? line.key.split(":").pop() : line.id })),
      ...local.map((line) => ({ ...line, node: line.id, from: "visitor", state: stateOf(line) })),
    ];
    const last = wanted.at(-1);
    if (last) last.choosable = last.from === "company"; // a question that was answered is over
    const atEnd = this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < 60;
    const kept = new Set(wanted.map((line) => line.node));
    for (const [name, node] of this.nodes) {
      if (!kept.has(name)) {
        node.remove();
        this.nodes.delete(name);
      }
    }
    let before = null;
    for (const line of wanted) {
      const node = this.drawn(line);
      const next = before ? before.nextSibling : this.node.firstChild;
      if (next !== node) this.node.insertBefore(node, next);
      before = node;
    }
    if (atEnd) this.end();
  }

  end() {
    this.node.scrollTop = this.node.scrollHeight;
  }

  choice({ title }) {
    const button = element("button", { type: "button", class: "choice", dir: "auto" }, title);
    button.addEventListener("click", () => this.chosen(title));
    return button;
  }

  drawn(line) {
    const choices = line.choosable ? (line.buttons ?? []) : [];
    const shown = JSON.stringify([line.text, line.removed, line.edited, line.state, choices]);
    let node = this.nodes.get(line.node);
    if (node?.dataset.shown === shown) return node;
    const mine = line.from === "visitor";
    const at = new Date(line.at);
    const notes = [at.toLocaleTimeString(this.words.tag, { hour: "2-digit", minute: "2-digit" })];
    if (line.edited) notes.push(this.words.edited);
    if (line.automated) notes.push(this.words.automated);
    if (line.state) notes.push(this.words[line.state]);
    const text = line.removed ? [this.words.removed] : withLinks(line.text ?? "");
    const parts = [
      element("span", { class: "who" }, mine ? `${this.words.you}: ` : `${this.title}: `),
      element("p", { class: line.removed ? "text removed" : "text", dir: "auto" }, ...text),
      element("p", { class: "note" }, notes.join(" · ")),
    ];
    if (line.subject) parts.splice(1, 0, element("p", { class: "text subject", dir: "auto" }, line.subject));
    if (choices.length) parts.push(element("div", { class: "choices" }, ...choices.map((choice) => this.choice(choice))));
    if (node) {
      node.replaceChildren(...parts);
    } else {
      node = element("div", { class: mine ? "line mine" : "line" }, ...parts);
      this.nodes.set(line.node, node);
    }
    node.dataset.shown = shown;
    return node;
  }
}

function stateOf(line) {
  if (line.refused) return "refused";
  return line.taken ? "sent" : "sending";
}
