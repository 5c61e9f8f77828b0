// The widget: a button, and a dialog beside the page, in a shadow of its own that the page's styles do not reach.
class Widget {
  constructor(script) {
    const base = new URL(".", script.src).href;
    const language = script.dataset.language || document.documentElement.lang || navigator.language || "en";
    const short = language.toLowerCase().split("-")[0];
    this.words = TEXTS[short] ?? TEXTS.en;
    this.words.tag = TEXTS[short] ? short : "en";
    this.unread = 0;
    this.opened = null;
    this.client = new Client(base, this.words.tag, openStore(base), {
      session: (opened) => this.session(opened),
      lines: (lines, anew) => this.lines(lines, anew),
      changed: () => this.draw(),
      link: (up) => this.link(up),
    });
    this.client.identity = script.dataset.identity || null;
    this.build();
    if (this.client.known || this.client.local.length) this.client.start();
  }

  build() {
    const words = this.words;
    this.host = element("div", { lang: words.tag });
    const root = this.host.attachShadow({ mode: "open" });
    const style = new CSSStyleSheet(); // made by a script: no page's policy on styles stands against it
    style.replaceSync(STYLE);
    root.adoptedStyleSheets = [style];
    this.host.style.setProperty("--colour", CONFIG.colour);
    this.host.style.setProperty("--on-colour", readable(CONFIG.colour));
    this.badge = element("span", { class: "badge", "aria-hidden": "true" });
    this.launcher = element("button", { type: "button", class: "launcher", "aria-haspopup": "dialog" }, icon(), this.badge);
    this.launcher.addEventListener("click", () => this.open());
    this.hearable = element("p", { class: "heard", role: "status" });
    this.log = new Log(words, CONFIG.title, (title) => this.choose(title));
    this.notice = element("p", { class: "notice", role: "status" });
    this.foot = element("div", { class: "foot" });
    const close = element("button", { type: "button", class: "close", "aria-label": words.close }, "×");
    close.addEventListener("click", () => this.close());
    const heading = element("h2", { id: "title" }, CONFIG.title);
    this.panel = element(
      "section",
      { class: "panel", role: "dialog", "aria-labelledby": "title", hidden: true },
      element("header", {}, heading, close),
      this.log.node,
      this.notice,
      this.foot,
    );
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.close();
    });
    this.form = new Form(words, CONFIG.max_text, (text, contact) => this.leave(text, contact));
    this.composer = this.makeComposer();
    root.append(this.launcher, this.panel, this.hearable);
    document.body.append(this.host);
    this.draw();
  }

  makeComposer() {
    const words = this.words;
    this.input = element("textarea", { id: "text", rows: "2", "aria-describedby": "hint", placeholder: words.write });
    const send = element("button", { type: "submit", class: "send" }, words.send);
    const label = element("label", { for: "text", class: "heard" }, words.write);
    const hint = element("p", { id: "hint", class: "heard" }, words.hint);
    const form = element("form", { class: "composer" }, label, this.input, hint, send);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.say();
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.say();
    });
    return form;
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  open() {
    if (this.isOpen) return;
    this.panel.hidden = false;
    this.launcher.hidden = true;
    this.client.start();
    this.draw();
    this.log.end();
    this.focus();
  }

  close() {
    if (!this.isOpen) return;
    this.panel.hidden = true;
    this.launcher.hidden = false;
    this.draw();
    this.launcher.focus();
  }

  focus() {
    (this.foot.querySelector("textarea, input") ?? this.log.node).focus();
  }

  say() {
    const text = this.input.value.trim();
    if (!text) return;
    if ([...text].length > CONFIG.max_text) {
      this.notice.textContent = this.words.tooLong.replace("{n}", CONFIG.max_text);
      return;
    }
    this.input.value = "";
    this.client.send(text);
    this.log.end();
  }

  choose(title) {
    this.client.send(title);
    this.log.end();
    this.focus();
  }

  leave(text, contact) {
    this.client.store.set("contact", true);
    this.client.send(text, contact);
    this.log.end();
    this.focus();
  }

  session(opened) {
    this.opened = opened;
    this.draw();
  }

  lines(lines, anew) {
    if (anew) this.log.clear();
    this.log.take(lines);
    this.draw();
  }

  link(up) {
    if (this.down === !up) return;
    this.down = !up;
    this.draw();
  }

  draw() {
    this.log.show(this.client.local);
    const closed = this.opened !== null && !this.opened.open;
    const reachable = this.opened?.known || this.client.store.get("contact", false);
    this.stand(closed && !reachable ? this.form.node : this.composer);
    const closedWords = reachable ? this.words.leftClosed : this.words.closed;
    const quiet = this.log.order.length || this.client.local.length ? "" : (this.opened?.greeting ?? "");
    say(this.notice, this.down ? this.words.offline : closed ? closedWords : quiet);
    this.count();
  }

  // Change what stands at the foot, and take the focus along when it was there.
  stand(wanted) {
    if (this.foot.firstChild === wanted) return;
    const inside = this.foot.contains(this.host.shadowRoot.activeElement);
    this.foot.replaceChildren(wanted);
    if (inside) this.focus();
  }

  // Say to the daemon what has come and what was read, and to the visitor what was not.
  count() {
    const { theirs } = this.log;
    if (theirs.length) this.client.seen(theirs, this.isOpen && !document.hidden ? "read" : "delivered");
    const seen = this.client.store.get("seen", {});
    const unread = this.isOpen ? 0 : theirs.filter((key) => seen[key] !== "read").length;
    const told = this.words.unread.replace("{n}", unread);
    this.badge.textContent = unread ? String(unread) : "";
    this.launcher.setAttribute("aria-label", unread ? `${this.words.open}. ${told}` : this.words.open);
    say(this.hearable, unread ? told : "");
  }
}

function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function icon() {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  for (const [name, value] of [["viewBox", "0 0 24 24"], ["aria-hidden", "true"], ["focusable", "false"]]) {
    drawing.setAttribute(name, value);
  }
  path.setAttribute("d", "M4 4h16a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H9l-5 4v-4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z");
  drawing.append(path);
  return drawing;
}

// Black or white, whichever stands out more (WCAG 2.2, relative luminance).
function readable(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}

const script = document.currentScript;
function begin() {
  if (window.crocevia) return;
  const widget = new Widget(script);
  window.crocevia = Object.freeze({
    open: () => widget.open(),
    close: () => widget.close(),
    identify: (identity) => widget.client.identify(identity),
    forget: () => widget.client.forget(),
  });
  document.dispatchEvent(new CustomEvent("crocevia-ready"));
}
if (document.body) begin();
else document.addEventListener("DOMContentLoaded", begin);
