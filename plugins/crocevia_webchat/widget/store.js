// What the browser keeps: the visitor's token, what is still to be sent, and which lines were read.
function openStore(base) {
  const key = `crocevia-chat:${base}`;
  let memory = {};
  function read() {
    try {
      return JSON.parse(localStorage.getItem(key)) || {};
    } catch {
      return memory; // no storage (a private window, a policy): it lives as long as the page
    }
  }
  return {
    get: (name, otherwise) => read()[name] ?? otherwise,
    set(name, value) {
      memory = { ...read(), [name]: value };
      try {
        localStorage.setItem(key, JSON.stringify(memory));
      } catch {
        // as above
      }
    },
    forget() {
      memory = {};
      try {
        localStorage.removeItem(key);
      } catch {
        // as above
      }
    },
  };
}
