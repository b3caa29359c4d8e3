// Parts of the page that are put in later. Focus goes to what one of them marks with data-focus: the attribute autofocus
// is for whole pages, and of a part put in later browsers refuse it where something has the focus already. And what asks
// by itself, which data-part marks, stays as it is where its own address does not answer it, and goes on asking.
document.addEventListener("htmx:afterSettle", (event) => {
  const added = event.detail.elt;
  const target = added.matches?.("[data-focus]") ? added : added.querySelector?.("[data-focus]");
  target?.focus();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, pathInfo, requestConfig } = event.detail;
  if (!requestConfig.elt.matches("[data-part]")) return;
  const { pathname } = new URL(pathInfo.requestPath, location.href);
  const mark = `reloaded for ${pathname}`;
  // Led elsewhere (the session ended), or no longer theirs: the whole page says so. Once, as it may be the part alone.
  const elsewhere = new URL(xhr.responseURL).pathname !== pathname || xhr.status === 404;
  if (elsewhere || xhr.status !== 200) event.detail.shouldSwap = false;
  if (!elsewhere) {
    if (xhr.status < 300) sessionStorage.removeItem(mark);
  } else if (!sessionStorage.getItem(mark)) {
    sessionStorage.setItem(mark, "yes");
    location.reload();
  }
});
