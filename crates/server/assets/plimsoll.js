// What pages gain where scripts may run: a comparison under way is followed, records close by key, commands are copied.
"use strict";

// A comparison under way.
for (const job of document.querySelectorAll("[data-job]")) {
  const events = new EventSource(`/job/${job.dataset.job}/events`);
  const stage = job.querySelector("[data-stage]");
  const bar = job.querySelector("progress");
  const show = (seen) => {
    stage.textContent = `${seen.now.stage}: ${seen.now.done} of ${seen.now.of}`;
    bar.max = Math.max(seen.now.of, 1);
    bar.value = seen.now.done;
  };
  events.addEventListener("progress", (event) => show(JSON.parse(event.data)));
  events.addEventListener("ended", (event) => {
    events.close();
    const well = "Ok" in JSON.parse(event.data).ended;
    location.assign(well ? job.dataset.done : location.href);
  });
  // Refused for good, where too many follow at once: a page loaded now and then shows as much.
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 15000);
  });
}

// A record closes with Escape, and the reader is back at the number that led to it.
let number;
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#m-"]');
  if (link && !link.closest(".record")) number = link;
  if (event.target.closest("a.close")) back();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.querySelector(".record:target")) {
    location.hash = "closed";
    back();
  }
});
function back() {
  number?.focus({ preventScroll: true });
}

// Commands that are to be repeated can be copied.
for (const command of navigator.clipboard ? document.querySelectorAll("pre.copied") : []) {
  const button = document.createElement("button");
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(command.textContent);
    button.textContent = "Copied";
  });
  command.after(button);
}
