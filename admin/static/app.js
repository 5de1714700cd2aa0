// Comfort only: every page works without this file. Loaded in the head, so that no page flashes in the wrong theme.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.remove("no-js");

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => { root.dataset.bsTheme = dark.matches ? "dark" : "light"; };
  if (root.dataset.theme === "auto") {
    paint();
    dark.addEventListener("change", paint);
  }

  document.addEventListener("click", async (event) => {
    const menu = event.target.closest("[data-menu]");
    if (menu) {
      const open = document.getElementById("menu").classList.toggle("open");
      menu.setAttribute("aria-expanded", String(open));
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const input = copy.parentElement.querySelector("input, textarea");
      input.select();
      try {
        await navigator.clipboard.writeText(input.value);
      } catch {
        document.execCommand("copy"); // plain http: the clipboard of modern browsers is closed there
      }
      copy.querySelector("span").textContent = copy.dataset.done;
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    const box = document.querySelector("[data-progress]");
    if (box) follow(box);
  });

  // The strength of a new password, asked of the server while it is typed; only the newest answer counts.
  let asked = 0;
  document.addEventListener("input", async (event) => {
    const field = event.target.closest("[data-strength]");
    if (!field) return;
    const mine = ++asked;
    await new Promise((resolve) => setTimeout(resolve, 250));
    if (mine !== asked) return;
    const body = new FormData();
    const told = [...field.form.querySelectorAll("[name=name], [name=display_name], [name=email]")];
    body.set("new", field.value);
    body.set("about", [field.dataset.about, ...told.map((one) => one.value)].join(" "));
    body.set("csrf_token", field.form.elements.csrf_token.value);
    const answer = await fetch(field.dataset.strength, { method: "POST", body }).catch(() => null);
    if (!answer || !answer.ok || mine !== asked) return;
    const found = await answer.json();
    const box = field.parentElement.querySelector("[data-strength-shown]");
    box.hidden = false;
    box.querySelector("meter").value = found.mark;
    box.querySelector("span").textContent = found.text;
  });

  async function follow(box) {
    const bar = box.querySelector("progress");
    const message = box.querySelector("[data-progress-message]");
    const lines = box.querySelector("[data-progress-lines]");
    let shown = "";
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const answer = await fetch(box.dataset.progress).catch(() => null);
      if (!answer) continue; // the network was away for a moment
      const task = answer.ok ? await answer.json() : { state: "gone" };
      if (task.state !== "running") return location.reload();
      if (task.percent === null) bar.removeAttribute("value");
      else bar.value = task.percent;
      if (message.textContent !== task.message) message.textContent = task.message;
      if (lines && task.lines !== shown) lines.innerHTML = shown = task.lines; // escaped by the server's template
    }
  }
})();
