// While an incident is open its page asks for what changed; the chart that is there is given its newest numbers.
import { update } from "./charts/main.js";

document.addEventListener("htmx:afterSettle", () => {
  const given = document.querySelector("[data-incident-chart]");
  if (!given) return;
  update(JSON.parse(given.querySelector("script").textContent), given.querySelector("template").innerHTML);
  given.remove();
});
