// Puts HTML in the place of HTML by changing what differs alone: what has the focus keeps it, what is scrolled stays
// so. Rows with data-key are the same rows wherever they stand.

const before = new WeakMap();

export function put(element, html) {
  if (before.get(element) === html) return;
  before.set(element, html);
  const made = document.createElement("template");
  made.innerHTML = html;
  patch(element, made.content);
}

const key = (node) => node.dataset?.key;
const isSame = (one, other) => one && one.nodeName === other.nodeName && key(one) === key(other);

// Rows that are pointed at, or have the focus, stay where they are; new ones come after them.
function held(into, nodes) {
  if (!into.matches(":hover") && !into.contains(document.activeElement)) return nodes;
  const places = new Map([...into.children].map((row, at) => [key(row), at]));
  const place = (row) => places.get(key(row)) ?? places.size;
  const rows = nodes.filter(key).sort((one, other) => place(one) - place(other));
  return nodes.map((node) => (key(node) ? rows.shift() : node));
}

function patch(into, from) {
  const nodes = held(into, [...from.childNodes]);
  const known = new Map([...into.children].filter(key).map((child) => [key(child), child]));
  // What is moved loses the focus: so rows that left go first, and text between rows makes way for the row after it.
  const keys = new Set(nodes.map(key));
  for (const [name, child] of known) if (!keys.has(name)) child.remove();
  nodes.forEach((node, at) => {
    const row = key(node) && known.get(key(node));
    while (row && into.childNodes[at] && !key(into.childNodes[at])) into.childNodes[at].remove();
    const standing = into.childNodes[at] ?? null;
    const there = key(node) ? row : standing;
    if (!isSame(there, node)) {
      into.insertBefore(node, standing);
      return;
    }
    if (there !== standing) into.insertBefore(there, standing);
    merge(there, node);
  });
  while (into.childNodes.length > nodes.length) into.lastChild.remove();
}

function merge(there, node) {
  if (!there.attributes) {
    if (there.data !== node.data) there.data = node.data;
    return;
  }
  for (const { name } of [...there.attributes]) if (!node.hasAttribute(name)) there.removeAttribute(name);
  for (const { name, value } of node.attributes) if (there.getAttribute(name) !== value) there.setAttribute(name, value);
  patch(there, node);
}
