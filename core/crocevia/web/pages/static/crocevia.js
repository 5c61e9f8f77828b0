// The pages work without this. With it: times in the reader's zone, "/" to search, and a page that follows along.
"use strict";

const FULL = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
const CLOCK = { hour: "2-digit", minute: "2-digit" };
const EVERY_MS = 3000;

function localise(root) {
  for (const time of root.querySelectorAll("time[data-style]")) {
    const style = time.dataset.style === "clock" ? CLOCK : FULL;
    time.textContent = new Date(time.dateTime).toLocaleString("en-GB", style);
  }
}

async function follow() {
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
    localise(fresh);
    const main = document.getElementById("main");
    const busy = main.contains(document.activeElement) && document.activeElement.matches("input, summary");
    if (!busy && fresh.innerHTML !== main.innerHTML) main.replaceWith(fresh);
  } catch {
    // the daemon is away: look again later
  }
}

document.addEventListener("DOMContentLoaded", () => {
  localise(document);
  document.getElementById("zone").textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;

  const live = document.getElementById("live");
  live.parentElement.hidden = false;
  live.checked = sessionStorage.getItem("live") === "yes";
  live.addEventListener("change", () => sessionStorage.setItem("live", live.checked ? "yes" : "no"));
  setInterval(() => live.checked && !document.hidden && follow(), EVERY_MS);

  document.addEventListener("keydown", (event) => {
    const search = document.getElementById("q");
    if (event.key === "/" && search && !event.target.matches("input")) {
      event.preventDefault();
      search.focus();
    }
  });
});
