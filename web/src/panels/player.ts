// The timeline of a recording: buttons, keys and track.
import { Playback } from "../recording/playback";
import type { Recording } from "../recording/recording";
import type { RecordingVideo } from "../recording/recording-video";
import { SPEEDS, type Settings } from "../settings";
import type { Shortcut } from "./shortcuts";
import { element } from "../dom";

const ICONS = {
  play: '<svg viewBox="0 0 16 16" aria-hidden="true"><path class="solid" d="M5 3.2v9.6L13 8z" /></svg>',
  pause: '<svg viewBox="0 0 16 16" aria-hidden="true"><path class="solid" d="M4.5 3h2.6v10H4.5zM9 3h2.6v10H9z" /></svg>',
};

/** A page that was hidden continues where it was. */
const LONGEST_STEP_S = 1;

export class Player {
  private playback: Playback | null = null;
  private recording: Recording | null = null;
  private shown = -1;
  private video: RecordingVideo | null = null;
  /** When time last passed; null while paused. */
  private lastMs: number | null = null;
  private readonly playButton = element<HTMLButtonElement>("play");
  private readonly scrub = element<HTMLInputElement>("scrub");
  private readonly presence = element<HTMLCanvasElement>("presence");

  private readonly stillness = matchMedia("(prefers-reduced-motion: reduce)");

  /**
   * showFrame: draw this frame of the recording.
   * wake: ask for `update` to be called.
   */
  constructor(
    private readonly settings: Settings,
    private readonly showFrame: (index: number) => void,
    private readonly wake: () => void,
  ) {
    const act = (id: string, action: (playback: Playback) => void): void =>
      element(id).addEventListener("click", () => this.change(action));
    act("play", (playback) => playback.toggle());
    act("step-back", (playback) => playback.seek(playback.index - 1));
    act("step-on", (playback) => playback.seek(playback.index + 1));
    // On the press, too: a press on the frame that is shown causes no input event.
    for (const type of ["pointerdown", "input"])
      this.scrub.addEventListener(type, () => this.change((playback) => playback.seek(this.scrub.valueAsNumber)));
    const speed = element<HTMLSelectElement>("speed");
    speed.addEventListener("change", () => settings.set("speed", Number(speed.value) as (typeof SPEEDS)[number]));
    settings.on("speed", (value) => {
      speed.value = String(value);
      this.change((playback) => (playback.speed = value));
    });
    settings.on("loop", (value) => this.change((playback) => (playback.loop = value)));
    new ResizeObserver(() => this.draw()).observe(this.presence);
  }

  load(recording: Recording): void {
    this.recording = recording;
    this.playback = new Playback(recording);
    this.playback.speed = this.settings.get("speed");
    this.playback.loop = this.settings.get("loop");
    this.playback.playing = !this.stillness.matches;
    this.shown = -1;
    this.scrub.max = String(recording.length - 1);
    element("player").hidden = false;
    this.draw();
    this.change(() => {});
  }

  /** Show this video's pictures from now on: whoever attaches it shows each with the frame of its time. */
  attach(video: RecordingVideo): void {
    this.video?.close();
    this.video = video;
    this.change(() => {});
  }

  close(): void {
    this.video?.close();
    this.video = null;
    this.playback = null;
    this.recording = null;
    element("player").hidden = true;
  }

  /** The frame that is shown. */
  get index(): number {
    return this.playback?.index ?? 0;
  }

  shortcuts(): Shortcut[] {
    const applies = (): boolean => this.playback !== null;
    const key = (keys: string[], shown: string, meaning: string, act: Shortcut["act"]): Shortcut => ({
      keys, shown, meaning, act, applies,
    });
    const go = (step: number) => (event: KeyboardEvent): void =>
      this.change((playback) => (event.shiftKey ? playback.skip(step) : playback.seek(playback.index + step)));
    return [
      key([" "], "Space", "Play or pause", () => this.change((playback) => playback.toggle())),
      key(["arrowleft"], "←", "Previous frame; with Shift, one second back", go(-1)),
      key(["arrowright"], "→", "Next frame; with Shift, one second forward", go(1)),
      key(["home"], "Home", "First frame", () => this.change((playback) => playback.seek(0))),
      key(["end"], "End", "Last frame", () => this.change((playback) => playback.seek(Infinity))),
      key([","], ",", "Slower", () => this.faster(-1)),
      key(["."], ".", "Faster", () => this.faster(1)),
      key(["l"], "L", "Loop", () => this.settings.toggle("loop")),
    ];
  }

  /** Advance the time; true while playing. */
  update(): boolean {
    const { playback, recording } = this;
    if (!playback || !recording) return false;
    const wasPlaying = playback.playing;
    const nowMs = performance.now();
    playback.advance(Math.min((nowMs - (this.lastMs ?? nowMs)) / 1000, LONGEST_STEP_S));
    this.lastMs = playback.playing ? nowMs : null;
    const { index } = playback;
    this.video?.follow(playback.playing, playback.speed, playback.timeS);
    if (index !== this.shown) {
      this.shown = index;
      if (!this.video) this.showFrame(index);
      const start = recording.timesS[0]!;
      const now = clock(recording.timesS[index]! - start);
      const end = clock(recording.timesS[recording.length - 1]! - start);
      this.scrub.valueAsNumber = index;
      this.scrub.setAttribute("aria-valuetext", `${now} of ${end}, frame ${index + 1} of ${recording.length}`);
      this.scrub.style.setProperty("--done", `${(100 * index) / Math.max(1, recording.length - 1)}%`);
      element("time").textContent = `${now} / ${end}`;
    }
    if (wasPlaying !== playback.playing) this.showButtons(playback);
    return playback.playing;
  }

  private change(action: (playback: Playback) => void): void {
    if (!this.playback) return;
    action(this.playback);
    this.showButtons(this.playback);
    this.wake();
  }

  private showButtons(playback: Playback): void {
    this.playButton.innerHTML = playback.playing ? ICONS.pause : ICONS.play;
    this.playButton.ariaLabel = playback.playing ? "Pause" : "Play";
  }

  private faster(steps: number): void {
    const speed = SPEEDS[SPEEDS.indexOf(this.settings.get("speed")) + steps];
    if (speed !== undefined) this.settings.set("speed", speed);
  }

  /** A strip that shows when people are there, and how many. */
  draw(): void {
    const { presence: canvas, recording } = this;
    const context = canvas.getContext("2d");
    if (!context || !recording || canvas.clientWidth === 0) return;
    canvas.width = canvas.clientWidth;
    canvas.height = canvas.clientHeight;
    context.fillStyle = getComputedStyle(canvas).color;
    for (let x = 0; x < canvas.width; x++) {
      const people = recording.peopleAt(Math.round((x / Math.max(1, canvas.width - 1)) * (recording.length - 1)));
      if (people === 0) continue;
      context.globalAlpha = Math.min(1, 0.35 + 0.25 * people);
      context.fillRect(x, 0, 1, canvas.height);
    }
  }
}

/** 63.41 -> "1:03.41". */
function clock(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}
