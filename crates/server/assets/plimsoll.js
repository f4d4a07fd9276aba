// What pages gain where scripts may run: a comparison under way is followed, and speed can be explored by depth.
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

// Every timed repetition by depth, of both models.
for (const place of document.querySelectorAll("[data-speed]")) {
  draw(place).catch(() => place.remove());
}

async function draw(place) {
  const answer = await fetch(`/api/v1/compare/${place.dataset.speed}`);
  if (!answer.ok) throw new Error("nothing measured");
  const report = await answer.json();
  const depths = report.models[0].speed.map((row) => row.depth);
  if (depths.length < 2 || typeof uPlot === "undefined") throw new Error("nothing to draw");
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const values = (model, phase) => model.speed.map((row) => row[phase].value);
  const line = { stroke: colour("--grid"), width: 1 };
  const axis = { stroke: colour("--soft"), grid: line, ticks: line };
  const points = { show: true, fill: colour("--paper") };
  for (const phase of ["decode", "prefill"]) {
    const options = {
      width: Math.max(place.clientWidth, 240),
      height: 240,
      title: `${phase === "decode" ? "Decode" : "Prefill"}, tokens/s by tokens already in the context`,
      scales: { x: { time: false }, y: { range: (_, low, high) => [0, high * 1.1] } },
      axes: [axis, { ...axis, size: 70 }],
      series: [
        { label: "depth" },
        { label: "A", stroke: colour("--a"), width: 2, points },
        { label: "B", stroke: colour("--b"), width: 2, dash: [6, 4], points },
      ],
    };
    const data = [depths, values(report.models[0], phase), values(report.models[1], phase)];
    const plot = new uPlot(options, data, place);
    new ResizeObserver(() => plot.setSize({ width: Math.max(place.clientWidth, 240), height: 240 })).observe(place);
  }
}
