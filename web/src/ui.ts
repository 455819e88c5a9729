// The page's elements outside the two canvases: what state it is in, the figures, the buttons.
import { personColor } from "./pose";
import type { Figures } from "./stats";
import type { Edges, View } from "./stage";

/** What the page is doing; also `document.body.dataset.state`. */
export type State =
  | "connecting" // no hello yet
  | "waiting" // a hello, but no pose yet
  | "live"
  | "problem" // the source has a problem
  | "ended" // the source has ended
  | "gone" // the server is gone, it is tried again
  | "refused" // page and server do not understand each other
  | "loading" // a recording is on its way
  | "recording"
  | "unreadable"; // a recording that cannot be played

const SHORT: Record<State, string> = {
  connecting: "Connecting",
  waiting: "Waiting",
  live: "Live",
  problem: "Source problem",
  ended: "Ended",
  gone: "Server gone",
  refused: "Stopped",
  loading: "Loading",
  recording: "Recording",
  unreadable: "Not readable",
};

const NOTICES: Partial<Record<State, { title: string; text: string; busy: boolean }>> = {
  connecting: { title: "Connecting", text: "Looking for rtpose on this address …", busy: true },
  waiting: { title: "Connected", text: "Waiting for the first frame …", busy: true },
  loading: { title: "Loading the recording", text: "", busy: true },
  problem: { title: "The source has a problem", text: "", busy: true },
  ended: { title: "The source has ended", text: "This was its last frame.", busy: false },
  gone: { title: "The server is gone", text: "Start rtpose again; this page comes back by itself.", busy: true },
  refused: { title: "This page cannot go on", text: "", busy: false },
  unreadable: { title: "The recording cannot be played", text: "", busy: false },
};

export function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** text: what the server says about it, instead of the page's own words. */
export function showState(state: State, text?: string): void {
  document.body.dataset["state"] = state;
  element("state-text").textContent = SHORT[state];
  const notice = NOTICES[state];
  const box = element("notice");
  box.hidden = !notice;
  if (!notice) return;
  box.classList.toggle("busy", notice.busy);
  element("notice-title").textContent = notice.title;
  const said = text?.toLowerCase() === notice.title.toLowerCase() ? "" : text; // not the same twice
  element("notice-text").textContent = said || notice.text;
  element("notice-action").hidden = state !== "refused";
}

/** Mark the button of the view that the camera has; null: it has none of them. */
export function showView(view: View | null): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-view]")) {
    button.ariaPressed = String(button.dataset["view"] === view);
  }
}

/** What the panels cover: each takes a strip of the edge where that costs the least. */
export function coveredEdges(): Edges {
  const covered: Edges = { left: 0, right: 0, top: 0, bottom: 0 };
  for (const panel of document.querySelectorAll(".panel, #top, #tools")) {
    const box = panel.getBoundingClientRect();
    if (box.width === 0) continue; // hidden
    const strips: Edges = {
      left: box.right / innerWidth,
      right: 1 - box.left / innerWidth,
      top: box.bottom / innerHeight,
      bottom: 1 - box.top / innerHeight,
    };
    const edges = Object.keys(strips) as (keyof Edges)[];
    const edge = edges.reduce((best, other) => (strips[other] < strips[best] ? other : best));
    covered[edge] = Math.max(covered[edge], strips[edge]);
  }
  return covered;
}

/** Whether somebody can be seen: notices then make room. */
export function showFilled(filled: boolean): void {
  document.body.classList.toggle("filled", filled);
}

export function showSource(source: string, estimator: string, assumptions: readonly string[]): void {
  const box = element("source");
  // Of a file its name is enough; of an address all is needed.
  const name = source.includes("://") ? source : (source.split(/[\\/]/).pop() ?? source);
  box.textContent = name;
  box.title = source;
  document.title = `${name} · rtpose`;
  element("about").textContent = [estimator, ...assumptions].filter(Boolean).join(" · ");
}

export function showPeople(ids: readonly number[]): void {
  document.body.dataset["persons"] = String(ids.length);
  const box = element("people");
  const text = ids.join();
  if (box.dataset["ids"] === text) return;
  box.dataset["ids"] = text;
  box.replaceChildren(
    ...ids.map((id) => {
      const chip = document.createElement("span");
      chip.style.setProperty("--person", personColor(id));
      chip.textContent = id < 0 ? "person" : `person ${id}`;
      return chip;
    }),
  );
}

export function showLiveFigures(figures: Figures, people: number): void {
  const { latencyMs, poseRate } = figures;
  const share = figures.droppedShare;
  showNumbers(`${inMs(latencyMs)} · ${perSecond(poseRate)}`, [
    ["Latency", inMs(latencyMs), "From the capture of a frame to this screen"],
    ["Poses", perSecond(poseRate), "Poses that reach this page"],
    ["Source", figures.sourceFps === null ? "–" : `${figures.sourceFps.toFixed(1)} fps`, "Frames that the source delivers"],
    ["People", String(people), "People in the newest frame"],
    ["Dropped", `${figures.dropped} (${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %)`, "Frames of the source that got no pose here"],
  ]);
  document.body.dataset["latencyMs"] = latencyMs === null ? "" : latencyMs.toFixed(1);
}

export function showRecordingFigures(frames: number, fps: number | null, dropped: number, people: number): void {
  showNumbers(`${frames} frames`, [
    ["Frames", String(frames), "Frames of this recording"],
    ["Rate", fps === null ? "–" : `${fps.toFixed(1)} fps`, "Frames per second, median"],
    ["People", String(people), "People in this frame"],
    ["Dropped", String(dropped), "Frames of the source that the recording does not have"],
  ]);
}

function inMs(ms: number | null): string {
  return ms === null ? "– ms" : `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

function perSecond(rate: number | null): string {
  return rate === null ? "– /s" : `${rate.toFixed(1)} /s`;
}

/** headline: what is left when the panel is folded. rows: name, value, meaning. */
function showNumbers(headline: string, rows: readonly (readonly [string, string, string])[]): void {
  element("headline").textContent = headline;
  const list = element("numbers");
  if (list.childElementCount !== rows.length) {
    list.replaceChildren(
      ...rows.map(([name, , meaning]) => {
        const row = document.createElement("div");
        row.title = meaning;
        row.append(document.createElement("dt"), document.createElement("dd"));
        row.firstElementChild!.textContent = name;
        return row;
      }),
    );
  }
  rows.forEach(([, value], i) => {
    const cell = list.children[i]!.lastElementChild!;
    if (cell.textContent !== value) cell.textContent = value;
  });
}

export interface ViewActions {
  look(view: View): void;
  follow(on: boolean): void;
  trails(on: boolean): void;
  names(on: boolean): void;
}

/** The buttons of the tool bar with their keys, and the panels that fold. */
export function connectTools(actions: ViewActions): void {
  const views = [...document.querySelectorAll<HTMLButtonElement>("[data-view]")];
  for (const button of views) {
    button.addEventListener("click", () => actions.look(button.dataset["view"] as View));
  }
  const toggles: [string, string, (on: boolean) => void][] = [
    ["follow", "f", actions.follow],
    ["trails", "t", actions.trails],
    ["names", "n", actions.names],
  ];
  for (const [id, , act] of toggles) {
    const button = element(id);
    button.addEventListener("click", () => {
      const on = button.ariaPressed !== "true";
      button.ariaPressed = String(on);
      act(on);
    });
  }
  for (const button of document.querySelectorAll<HTMLButtonElement>(".fold")) {
    const panel = button.parentElement!;
    const fold = (folded: boolean): void => {
      panel.classList.toggle("folded", folded);
      button.ariaExpanded = String(!folded);
    };
    button.addEventListener("click", () => fold(!panel.classList.contains("folded")));
    // A phone has room for the figures only on demand.
    if (panel.id === "stats" && matchMedia("(max-width: 640px)").matches) fold(true);
  }
  element("notice-action").addEventListener("click", () => location.reload());
  addEventListener("keydown", (event) => {
    if (!isPlainKey(event)) return;
    const view = views[Number(event.key) - 1];
    const toggle = toggles.find(([, key]) => key === event.key.toLowerCase());
    if (view) view.click();
    else if (toggle) element(toggle[0]).click();
  });
}

/** Whether a key is meant for the page and not for the browser or a list that is being chosen from. */
export function isPlainKey(event: KeyboardEvent): boolean {
  return !(event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement);
}
