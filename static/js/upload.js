// A log dropped on the form, or chosen in it, is sent at once and the bar says how far it is. Without this script the
// form sends it all the same.
const dragged = (event) => event.dataTransfer?.types.includes("Files");

// Heard by the document: the form may be put in later, with a part of the page.
function on(name, act) {
  document.addEventListener(name, (event) => {
    const form = event.target.closest?.("form[data-upload]");
    if (form) act(form, event);
  });
}

for (const name of ["dragenter", "dragover"]) {
  on(name, (form, event) => {
    if (!dragged(event)) return;
    event.preventDefault();
    form.classList.add("over");
  });
}
on("dragleave", (form, event) => {
  if (!form.contains(event.relatedTarget)) form.classList.remove("over");
});
on("drop", (form, event) => {
  if (!dragged(event)) return;
  event.preventDefault();
  form.classList.remove("over");
  if (form.matches(".busy")) return;
  const files = event.dataTransfer.files;
  if (files.length !== 1) return refuse(form, "Send one file at a time.");
  form.querySelector("input[type=file]").files = files;
  send(form);
});
on("submit", (form, event) => {
  event.preventDefault();
  if (!form.matches(".busy")) send(form);
});
// Back from what became of it, the browser may show the page as it was left.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-upload]")) {
    form.reset();
    show(form, false);
  }
});

function send(form) {
  const file = form.querySelector("input[type=file]").files[0];
  if (file.size > Number(form.dataset.limit)) return refuse(form, form.dataset.tooLarge);
  const bar = form.querySelector("progress");
  const said = form.querySelector(".sending span");
  const request = new XMLHttpRequest();
  show(form, true);
  said.textContent = `Sending ${file.name}`;
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) bar.value = (100 * event.loaded) / event.total;
  });
  request.upload.addEventListener("load", () => {
    bar.removeAttribute("value");
    said.textContent = `Looking at ${file.name}`;
  });
  request.addEventListener("load", () => {
    if (request.status < 300) return location.assign(request.responseURL);
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const problem = page.querySelector("main > .narrow > .problem, main .problem");
    refuse(form, problem?.textContent || `The server answered ${request.status}. Nothing was kept; try again.`);
  });
  request.addEventListener("error", () => refuse(form, "The connection broke. Nothing was kept; send it again."));
  request.open("POST", form.action);
  request.send(new FormData(form));
}

function show(form, busy) {
  const bar = form.querySelector("progress");
  form.classList.toggle("busy", busy);
  bar.value = 0;
  form.querySelector(".sending").hidden = !busy;
  form.querySelector("button").disabled = busy;
  form.querySelector(".problem").hidden = true;
}

function refuse(form, text) {
  show(form, false);
  const problem = form.querySelector(".problem");
  problem.textContent = text;
  problem.hidden = false;
}
