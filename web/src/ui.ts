// The page's elements outside the two canvases: what state it is in, the figures, the buttons.
import { isSame, personColor, personName, type Who } from "./pose";
import type { Settings, Switch, Values } from "./settings";
import type { LiveFigures } from "./stats";
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
  recording: "Playback",
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
  for (const panel of document.querySelectorAll(".panel, #top, #tools [role=group]")) {
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

/** Of a file its name is enough; of an address all is needed. */
export function shortName(source: string): string {
  return source.includes("://") ? source : (source.split(/[\\/]/).pop() ?? source);
}

export function showSource(sources: readonly string[], estimator: string, assumptions: readonly string[]): void {
  const box = element("source");
  const name = sources.map(shortName).join(", ");
  box.textContent = sources.length > 1 ? `${sources.length} sources: ${name}` : name;
  box.title = sources.join(", ");
  document.title = `${name} · rtpose`;
  element("about").textContent = [estimator, ...assumptions].filter(Boolean).join(" · ");
}

/** several: whether there are several sources. chosen: whom camera and angles follow. */
export function showPeople(
  people: readonly Who[],
  several: boolean,
  chosen: Who | null,
  choose: (who: Who) => void,
): void {
  document.body.dataset["persons"] = String(people.length);
  const box = element("people");
  const isChosen = (who: Who): boolean => chosen !== null && isSame(who, chosen);
  const text = people.map((who) => `${who.source} ${who.id}${isChosen(who) ? "!" : ""}`).join();
  if (box.dataset["ids"] === text) return;
  box.dataset["ids"] = text;
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["who"] : undefined;
  box.replaceChildren(
    ...people.map((who) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.style.setProperty("--person", personColor(who));
      chip.textContent = personName(who, several);
      chip.dataset["who"] = `${who.source} ${who.id}`;
      chip.ariaPressed = String(isChosen(who));
      chip.title = isChosen(who) ? "Follow all again (P: next)" : "Follow, and show the angles of (P: next)";
      chip.addEventListener("click", () => choose(who));
      return chip;
    }),
  );
  if (focused) box.querySelector<HTMLButtonElement>(`[data-who="${focused}"]`)?.focus();
}

/** figures: of each source. */
export function showLiveFigures(figures: readonly LiveFigures[], people: number): void {
  const latencies = figures.flatMap(({ latencyMs }) => (latencyMs === null ? [] : [latencyMs])).sort((a, b) => a - b);
  const latencyMs = latencies[Math.floor(latencies.length / 2)] ?? null;
  const ofEach = (tell: (of: LiveFigures) => string, unit: string): string => `${figures.map(tell).join(" · ")} ${unit}`;
  const dropped = figures.reduce((sum, of) => sum + of.dropped, 0);
  const share = figures.reduce((sum, of) => sum + of.droppedShare, 0) / Math.max(1, figures.length);
  const poses = ofEach((of) => rate(of.poseRate), "/s");
  showNumbers(`${inMs(latencyMs)} · ${poses}`, [
    ["Latency", inMs(latencyMs), "From the capture of a frame to this screen, median of the last 2 seconds"],
    ["Poses", poses, "Poses that reach this page"],
    ["Source", ofEach((of) => rate(of.sourceFps), "fps"), "Frames that the source delivers"],
    ["People", String(people), "People in the newest frame"],
    ["Dropped", `${dropped} (${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %)`, "Frames of the source that got no pose here"],
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

function rate(perSecond: number | null): string {
  return perSecond === null ? "–" : perSecond.toFixed(1);
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

/** Buttons that choose a view, change a setting or fold a panel. */
export function connectTools(settings: Settings, look: (view: View) => void): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-view]")) {
    button.addEventListener("click", () => look(button.dataset["view"] as View));
  }
  // data-setting is the name; with data-value the button chooses that value, without it switches on and off.
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-setting]")) {
    const { setting, value } = button.dataset as { setting: keyof Values; value?: string };
    button.addEventListener("click", () => {
      if (value === undefined) settings.toggle(setting as Switch);
      else settings.set(setting, value as Values[typeof setting]);
    });
    settings.on(setting, (current) => {
      const on = String(value === undefined ? current === true : current === value);
      if (button.classList.contains("fold")) {
        button.parentElement!.classList.toggle("folded", !current);
        button.ariaExpanded = on;
      } else {
        button.ariaPressed = on;
      }
    });
  }
  element("notice-action").addEventListener("click", () => location.reload());
}

let toastTimer: number | undefined;

/** Say something in passing; what is wrong stays longer. */
export function showToast(text: string, wrong = false): void {
  const toast = element("toast");
  toast.textContent = text;
  toast.classList.toggle("wrong", wrong);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (toast.textContent = ""), wrong ? 15_000 : 6_000);
}
