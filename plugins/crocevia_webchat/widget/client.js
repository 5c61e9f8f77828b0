// Speaks with the daemon: sends what waits, once and in order, and asks for what is new; comes back by itself.
const WAIT_S = 25;
const GIVE_UP_MS = (WAIT_S + 15) * 1000;
const LONGEST_MS = 30000;
const MOST_SEEN = 400;
const MOST_STATUSES = 50;

class CallError extends Error {
  constructor(status, retryAfterS) {
    super(`the daemon answered ${status}`);
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

class Client {
  // `told`: an object of functions that hear what happens: session(opened), lines(lines, anew), changed(), link(up).
  constructor(base, language, store, told) {
    this.base = base;
    this.language = language;
    this.store = store;
    this.told = told;
    this.identity = null;
    this.session = null;
    this.opening = null;
    this.started = false;
    this.pumping = false;
    this.telling = false;
    this.cursor = "";
    this.sent = [];
    this.wakers = new Set();
    this.polling = null;
    addEventListener("online", () => this.wake());
    document.addEventListener("visibilitychange", () => this.wake());
  }

  // Whether there is something to come back to.
  get known() {
    return Boolean(this.store.get("token"));
  }

  start() {
    if (this.started) return;
    this.started = true;
    this.listen();
    this.pump();
  }

  // Who the visitor is, signed by the site's server.
  identify(identity) {
    this.identity = identity;
    if (!this.started) return;
    this.session = null;
    this.polling?.abort();
    this.wake();
  }

  // As if he had never been here.
  forget() {
    this.store.forget();
    this.identity = null;
    this.session = null;
    this.sent = [];
    this.cursor = "";
    this.told.lines([], true);
    this.polling?.abort();
    this.wake();
  }

  // What waits to be sent, or was sent and is not in the log yet.
  get local() {
    return [...this.sent, ...this.store.get("outbox", [])];
  }

  send(text, contact) {
    const line = { id: uuid(), text, contact, at: Date.now() };
    this.store.set("outbox", [...this.store.get("outbox", []), line]);
    this.told.changed();
    this.start();
    this.pump();
  }

  async pump() {
    if (this.pumping) return;
    this.pumping = true;
    let failures = 0;
    for (let line; (line = this.store.get("outbox", []).find((waiting) => !waiting.refused)); ) {
      try {
        await this.deliver(line);
        failures = 0;
      } catch (error) {
        failures += 1;
        this.told.link(false);
        await this.pause(error, failures);
      }
    }
    this.pumping = false;
  }

  async deliver(line) {
    const age_ms = Math.max(0, Date.now() - line.at);
    const { id, text, contact } = line;
    let state = {};
    try {
      await this.call("POST", "messages", { id, text, contact, language: this.language, age_ms });
    } catch (error) {
      if (![400, 404, 413].includes(error.status)) throw error;
      state = { refused: true }; // it would never be taken: it stays here, and says so
    }
    const others = this.store.get("outbox", []);
    if (state.refused) {
      this.store.set("outbox", others.map((other) => (other.id === id ? { ...other, ...state } : other)));
    } else {
      this.store.set("outbox", others.filter((other) => other.id !== id));
      this.store.set("wrote", true);
      this.sent.push({ ...line, taken: true });
      this.told.link(true);
    }
    this.told.changed();
  }

  async listen() {
    let failures = 0;
    for (;;) {
      if (document.hidden && this.cursor) {
        await this.asleep();
        continue;
      }
      try {
        await this.poll();
        failures = 0;
        this.told.link(true);
      } catch (error) {
        if (error.name === "AbortError" && !error.late) continue; // to begin with another session
        failures += 1;
        this.told.link(false);
        await this.pause(error, failures);
      }
    }
  }

  async poll() {
    const opened = await this.open();
    this.polling = new AbortController();
    const path = `messages?after=${encodeURIComponent(this.cursor)}&wait=${this.cursor ? WAIT_S : 0}`;
    const found = await this.call("GET", path, undefined, this.polling);
    if (this.session !== opened) return;
    const anew = !this.cursor;
    this.cursor = found.cursor;
    const logged = new Set(found.lines.map((line) => line.key.split(":").pop()));
    this.sent = this.sent.filter((line) => !logged.has(line.id));
    if (found.open !== opened.open) {
      opened.open = found.open;
      this.told.session(opened);
    }
    if (found.lines.length || anew) this.told.lines(found.lines, anew);
  }

  // A session, opened once for all who ask.
  async open() {
    if (this.session) return this.session;
    this.opening ??= this.begin().finally(() => (this.opening = null));
    return this.opening;
  }

  async begin() {
    const identity = this.identity ?? undefined;
    // who signs in again is who he was; what he wrote in between, unknown, is his too
    const known = identity && this.store.get("known");
    const token = known && !this.store.get("wrote") ? known : this.store.get("token");
    const asked = { token, known, identity, language: this.language };
    let opened;
    try {
      opened = await this.ask("POST", "session", asked);
    } catch (error) {
      if (error.status !== 401 || this.identity === null) throw error;
      console.warn("crocevia: the identity was not accepted; the visitor stays anonymous");
      this.identity = null;
      return this.begin();
    }
    if (opened.visitor !== this.store.get("visitor", opened.visitor)) {
      this.store.set("wrote", false);
      this.sent = [];
      this.told.lines([], true);
    }
    this.cursor = "";
    this.store.set("token", opened.token);
    this.store.set("visitor", opened.visitor);
    if (opened.known) this.store.set("known", opened.token);
    this.session = opened;
    this.told.session(opened);
    return opened;
  }

  // Lines of the company that have come, or were read: said once.
  async seen(keys, status) {
    const before = this.store.get("seen", {});
    const rank = { delivered: 1, read: 2 };
    const news = keys.filter((key) => (rank[before[key]] ?? 0) < rank[status]).slice(0, MOST_STATUSES);
    if (!news.length || this.telling) return;
    this.telling = true;
    try {
      await this.call("POST", "statuses", { status, keys: news });
    } catch {
      return; // it is said again when there is something new, or the chat is opened
    } finally {
      this.telling = false;
    }
    const now = { ...this.store.get("seen", {}), ...Object.fromEntries(news.map((key) => [key, status])) };
    this.store.set("seen", Object.fromEntries(Object.entries(now).slice(-MOST_SEEN)));
    this.told.changed();
  }

  async call(method, path, body, controller) {
    const { token } = await this.open();
    try {
      return await this.ask(method, path, body, token, controller);
    } catch (error) {
      if (error.status === 401 && this.session?.token === token) this.session = null;
      throw error;
    }
  }

  async ask(method, path, body, token, controller = new AbortController()) {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      controller.abort();
    }, GIVE_UP_MS);
    try {
      const answer = await fetch(this.base + path, {
        method,
        headers: {
          ...(body && { "content-type": "application/json" }),
          ...(token && { authorization: `Bearer ${token}` }),
        },
        body: body && JSON.stringify(body),
        credentials: "omit",
        cache: "no-store",
        signal: controller.signal,
      });
      if (!answer.ok) throw new CallError(answer.status, Number(answer.headers.get("retry-after")) || 0);
      return await answer.json();
    } catch (error) {
      error.late = late;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  // Wait before the next attempt: longer each time, never all at once, not longer than the daemon says.
  pause(error, failures) {
    const backoff = Math.min(LONGEST_MS, 500 * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
    const first = error.status === 401 && failures === 1;
    return this.asleep(first ? 0 : Math.max(backoff, (error.retryAfterS || 0) * 1000));
  }

  asleep(ms) {
    return new Promise((done) => {
      const wakened = () => {
        clearTimeout(timer);
        this.wakers.delete(wakened);
        done();
      };
      const timer = ms === undefined ? undefined : setTimeout(wakened, ms);
      this.wakers.add(wakened);
    });
  }

  wake() {
    for (const wakened of [...this.wakers]) wakened();
  }
}

function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID(); // not on a page without https
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
