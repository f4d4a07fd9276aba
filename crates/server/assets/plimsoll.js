// What pages gain where scripts may run: a comparison under way is followed, and commands are copied by a button.
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
}

// A command that can be copied.
for (const command of document.querySelectorAll("pre.copied")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(command.innerText.trim());
    button.textContent = "Copied";
  });
  command.after(button);
}
