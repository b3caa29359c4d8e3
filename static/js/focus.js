// Focus goes to what a part of the page that was just put in marks with data-focus. The attribute autofocus is for whole
// pages: of a part put in later, browsers refuse it where something has the focus already.
document.addEventListener("htmx:afterSettle", (event) => {
  const added = event.detail.elt;
  const target = added.matches?.("[data-focus]") ? added : added.querySelector?.("[data-focus]");
  target?.focus();
});
