"use strict";
// Asks how the training stands, about twice a second, and goes on to the report when it is over.
(() => {
  const place = (id) => document.getElementById(id);
  const PAUSE = 500;
  let failures = 0;
  let shown = "";

  function show(state) {
    place("share").value = state.share;
    place("words").textContent = state.words;
    document.title = `${Math.round(100 * state.share)}% ${document.title.replace(/^\d+% /, "")}`;
    if (state.body !== shown && !document.querySelector(".spot:hover")) {
      shown = state.body;
      place("live").innerHTML = state.body; // the server's own markup, with every text escaped
    }
  }

  async function ask() {
    try {
      const answer = await fetch("state.json", { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      const state = await answer.json();
      failures = 0;
      show(state);
      if (state.done) {
        location.replace("report.html");
        return;
      }
    } catch {
      failures += 1;
      if (failures >= 4) {
        place("mark").remove();
        place("words").textContent = "The training is over, or was stopped: its page answers no more. What it wrote is in its folder.";
        return;
      }
    }
    setTimeout(ask, PAUSE);
  }

  ask();
})();
