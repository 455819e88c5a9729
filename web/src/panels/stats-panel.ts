// The numbers in the stats panel, and what is being shown.
import { element, shortName, counted } from "../dom";
import type { LiveStats } from "../net/stats";

/** height: what sizes and distances rest on, "" if that is not known. */
export function showSource(sources: readonly string[], estimator: string, assumptions: readonly string[], height: string): void {
  const box = element("source");
  const name = sources.map(shortName).join(", ");
  box.textContent = sources.length > 1 ? `${sources.length} sources: ${name}` : name;
  box.title = sources.join(", ");
  document.title = name ? `${name} · rtpose` : "rtpose";
  element("height").textContent = height;
  element("height-row").hidden = height === "";
  element("about").textContent = [estimator, ...assumptions].filter(Boolean).join(" · ");
}

/** stats: of each source. people: in the newest frames of all. */
export function showLiveStats(stats: readonly LiveStats[], people: number): void {
  const latencies = stats.flatMap(({ latencyMs }) => (latencyMs === null ? [] : [latencyMs])).sort((a, b) => a - b);
  const latencyMs = latencies[Math.floor(latencies.length / 2)] ?? null;
  const ofEach = (show: (of: LiveStats) => string, unit: string): string => `${stats.map(show).join(" · ")} ${unit}`;
  const dropped = stats.reduce((sum, of) => sum + of.dropped, 0);
  const share = stats.reduce((sum, of) => sum + of.droppedShare, 0) / Math.max(1, stats.length);
  const poses = ofEach((of) => rate(of.poseRate), "/s");
  showNumbers(`${inMs(latencyMs)} · ${poses}`, [
    ["Latency", inMs(latencyMs), "From frame capture to this screen, median over the last 2 seconds"],
    ["Poses", poses, "Poses that reach this page per second"],
    ["Source", ofEach((of) => rate(of.sourceFps), "fps"), "Frames that the source delivers per second"],
    ["People", String(people), "People in the newest frame"],
    ["Dropped", `${dropped} (${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %)`, "Source frames whose poses did not reach this page"],
  ]);
  document.body.dataset["latencyMs"] = latencyMs === null ? "" : latencyMs.toFixed(1);
}

export function showRecordingStats(frames: number, fps: number | null, dropped: number, people: number): void {
  showNumbers(counted(frames, "frame"), [
    ["Frames", String(frames), "Frames in this recording"],
    ["Rate", fps === null ? "–" : `${fps.toFixed(1)} fps`, "Frames per second, median"],
    ["People", String(people), "People in this frame"],
    ["Dropped", String(dropped), "Source frames that are missing from the recording"],
  ]);
}

function inMs(ms: number | null): string {
  return ms === null ? "– ms" : `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

function rate(perSecond: number | null): string {
  return perSecond === null ? "–" : perSecond.toFixed(1);
}

/** headline: shown when the panel is collapsed, too. rows: name, value, meaning. */
function showNumbers(headline: string, rows: readonly (readonly [string, string, string])[]): void {
  element("headline").textContent = headline;
  const list = element("numbers");
  if (list.childElementCount !== rows.length) {
    list.replaceChildren(
      ...rows.map(() => {
        const row = document.createElement("div");
        row.append(document.createElement("dt"), document.createElement("dd"));
        return row;
      }),
    );
  }
  rows.forEach(([name, value, meaning], i) => {
    const row = list.children[i] as HTMLElement;
    if (row.title !== meaning) row.title = meaning;
    for (const [cell, text] of [[row.firstElementChild!, name], [row.lastElementChild!, value]] as const) {
      if (cell.textContent !== text) cell.textContent = text;
    }
  });
}
