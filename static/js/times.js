// Times as the reader's browser writes them, in the zone that the page names: <time> with data-zone, or within it.
// The server's text stays where the browser cannot.
const STYLES = {
  minute: { dateStyle: "medium", timeStyle: "short" },
  bucket: { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  day: { weekday: "short", day: "numeric", month: "short", year: "numeric" },
};
const formatters = new Map();

function formatter(zone, style) {
  const key = `${zone} ${style}`;
  if (!formatters.has(key)) formatters.set(key, new Intl.DateTimeFormat(undefined, { timeZone: zone, ...STYLES[style] }));
  return formatters.get(key);
}

export function write(root) {
  for (const time of root.querySelectorAll("time[data-zone], [data-zone] time:not([data-written])")) {
    if (time.dataset.written) continue;
    const { zone, times = "minute" } = time.closest("[data-zone]").dataset;
    try {
      time.textContent = formatter(zone, times).format(new Date(time.dateTime));
    } catch (error) {
      console.warn(error); // a zone that this browser does not know
    }
    time.dataset.written = "yes";
  }
}

for (const name of ["htmx:load", "htmx:historyRestore"]) document.addEventListener(name, () => write(document));
write(document);
