// The search box: "/" goes to it from anywhere, arrows walk through what was found, Escape closes it.
const typing = (element) => element?.closest?.("input, textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
  const box = document.querySelector("input[data-find]");
  if (!box || event.ctrlKey || event.metaKey || event.altKey) return;
  const links = [...document.querySelectorAll("#found a")];
  const at = links.indexOf(document.activeElement);
  const inside = document.activeElement === box || at >= 0;
  if (event.key === "/" && !typing(event.target)) {
    box.focus();
    box.select();
  } else if (event.key === "Escape" && inside) {
    close(box);
    box.focus();
  } else if (event.key === "ArrowDown" && inside) {
    links[Math.min(at + 1, links.length - 1)]?.focus();
  } else if (event.key === "ArrowUp" && at >= 0) {
    (links[at - 1] ?? box).focus();
  } else if (event.key === "Enter" && document.activeElement === box && links.length) {
    links[0].click();
  } else {
    return;
  }
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  if (!event.target.closest(".find")) close(document.querySelector("input[data-find]"));
});

function close(box) {
  document.getElementById("found")?.replaceChildren();
  if (box) box.value = "";
}
