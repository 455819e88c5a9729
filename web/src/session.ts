// Follows the server and the user's files: what they deliver goes to the display, the player and the state card.
import { EMPTY, type Display } from "./display";
import { element } from "./dom";
import { Live } from "./live";
import { Link } from "./net/link";
import { onServer, socketUrl } from "./net/server-address";
import type { Hello } from "./net/protocol.generated";
import { RecordedAngles } from "./panels/angle-source";
import type { CameraButton } from "./panels/camera-button";
import type { Player } from "./panels/player";
import { RecordButton } from "./panels/record-button";
import type { State, StateCard } from "./panels/state-card";
import { showLiveStats, showRecordingStats } from "./panels/stats-panel";
import { showToast } from "./panels/toast";
import type { PoseFrame } from "./pose";
import type { Recording } from "./recording/recording";
import { readRecording } from "./recording/recording-file";
import { makeSkeleton, type Skeleton } from "./skeleton";

/** A recording that is shown. */
interface Opened {
  recording: Recording;
  /** Whether the user gave it to the page; else the server did. */
  own: boolean;
}

export interface SessionParts {
  display: Display;
  player: Player;
  card: StateCard;
  camera: CameraButton;
}

export class Session {
  /** The live stream; null while the server has none or a recording of its own is shown. */
  live: Live | null = null;
  private hello: Hello | null = null;
  private opened: Opened | null = null;
  /** Counts what was started, so that a recording that arrives too late is not shown. */
  private generation = 0;
  /** The state of the connection and of what comes over it; shown while no file of the user's is open. */
  private served: { state: State; text: string } = { state: "connecting", text: "" };
  /** Why the server is gone; null while it is there. */
  private lost: string | null = null;
  private readonly link: Link;
  private readonly recordButton: RecordButton;

  constructor(private readonly parts: SessionParts) {
    this.link = new Link(socketUrl("socket"), {
      onHello: (hello) => this.greet(hello),
      onStatus: (status) => {
        const known = this.live?.status.failures ?? [];
        for (const failure of status.failures) if (!known.includes(failure)) showToast(failure, { error: true });
        if (this.live) this.live.status = status;
        this.showStatus();
      },
      onRecording: (state) => this.recordButton.show(state),
      onPoses: (message) => {
        if (!this.live || this.opened) return;
        this.live.arrived(message);
        this.parts.display.show(message);
      },
      onPicture: (message) => {
        if (!this.live || this.opened) return;
        this.live.pictureArrived(message);
        this.parts.display.showPicture(message);
      },
      onGone: (reason) => this.lose(reason),
      onRefused: (reason) => this.showServed("refused", reason),
    });
    this.recordButton = new RecordButton((wanted) => this.link.record(wanted));
  }

  connect(): void {
    this.link.open();
  }

  /** Whether a file of the user's is open. */
  get hasOwnFile(): boolean {
    return this.opened?.own === true;
  }

  /** All frames of the recording, or the last minute of the live stream. */
  get motion(): PoseFrame[] {
    const recording = this.opened?.recording;
    if (!recording) return this.live?.motion.frames ?? [];
    return Array.from({ length: recording.length }, (_, i) => recording.frame(i));
  }

  /** Show a file of the user's; an error is shown as a toast. */
  async openFile(file: File): Promise<void> {
    try {
      this.open(readRecording(await file.arrayBuffer()), file.name, true);
    } catch (error) {
      showToast(`Cannot open ${file.name}: ${(error as Error).message}.`, { error: true });
    }
  }

  /** Close the user's file: show what the server has. */
  closeFile(): void {
    const { display, player, card } = this.parts;
    const { hello } = this;
    this.generation++;
    this.opened = null;
    this.live = null;
    player.close();
    card.hasPeople = false;
    card.disconnected = false;
    if (!hello) {
      display.begin(EMPTY);
      this.showServed(this.served.state, this.served.text);
      return;
    }
    const skeleton = this.skeletonOf(hello.joints, hello.parents, hello.bones);
    const live = hello.recording === null ? new Live(hello, skeleton) : null;
    this.live = live;
    display.begin({
      mode: live ? "live" : "recording",
      skeleton,
      sources: hello.sources.map(({ name, image_size: size }) => ({ name, size: [size[0]!, size[1]!] as const })),
      estimator: hello.estimator,
      assumptions: hello.assumptions,
      height: heightText(hello),
      anglesOf: (who) => live?.angles.of(who) ?? null,
    });
    if (hello.recording === null) this.showStatus();
    else void this.openServed(hello.recording, hello.sources[0]!.name);
    if (this.lost !== null) this.lose(this.lost);
  }

  /** The player has reached a frame of the recording. */
  showFrame(index: number): void {
    if (!this.opened) return;
    const { display } = this.parts;
    const { recording } = this.opened;
    const frame = recording.frame(index);
    display.show(frame);
    display.showPeople2D(0, recording.people2D(index));
    display.countFrame();
    showRecordingStats(recording.length, recording.fps, recording.dropped, frame.people.length);
  }

  /** The scene was drawn: acknowledge what it shows. */
  acknowledge(): void {
    const { display, card } = this.parts;
    for (const message of this.live?.drawn() ?? []) {
      this.link.acknowledge(message.source, message.frameId);
      if (display.countFrame() > 1) continue;
      card.hasPeople = true;
      this.showStatus();
    }
  }

  /** Refresh the stats of a live stream. Returns the latencies by stage, null if nothing is live. */
  refreshStats(): number[][] | null {
    if (!this.live || this.opened) return null;
    showLiveStats(this.live.stats(), this.parts.display.peopleCount);
    return this.live.stages();
  }

  private greet(hello: Hello): void {
    this.hello = hello;
    this.lost = null;
    document.body.dataset["protocol"] = String(hello.protocol);
    this.recordButton.greet(hello);
    this.parts.camera.offer(hello.takes_camera);
    this.parts.card.offersCamera = hello.takes_camera;
    if (this.hasOwnFile) this.parts.card.disconnected = false;
    else this.closeFile();
  }

  private lose(reason: string): void {
    this.lost = reason;
    this.recordButton.lose();
    // A recording is on the page as a whole and plays on; after a stream's last frame nothing more is to come.
    if (this.opened || this.served.state === "ended") this.parts.card.disconnected = true;
    else this.showServed("gone", reason);
  }

  private showServed(state: State, text = ""): void {
    this.served = { state, text };
    if (!this.hasOwnFile) this.parts.card.show(state, text);
  }

  private showStatus(): void {
    if (!this.live) return;
    const { text, ended } = this.live.status;
    if (ended) this.showServed("ended", text === "ok" ? "" : text);
    else if (text.startsWith("waiting")) this.showServed("waiting", text);
    else if (text !== "ok") this.showServed("problem", text);
    else this.showServed(this.parts.display.frameCount > 0 ? "live" : "waiting");
  }

  /** Errors: an Error if the recording has no frames. */
  private open(recording: Recording, name: string, own: boolean): void {
    const { display, player, card } = this.parts;
    const { hello } = this;
    const skeleton = this.skeletonOf(recording.joints, recording.parents, recording.bones);
    const angles = new RecordedAngles(recording, skeleton);
    this.generation++;
    this.opened = { recording, own };
    display.begin({
      mode: "recording",
      skeleton,
      sources: [{ name, size: recording.imageSize }],
      estimator: (!own && hello?.estimator) || recording.estimator,
      assumptions: !own && hello && hello.assumptions.length > 0 ? hello.assumptions : recording.assumptions,
      height: !own && hello ? heightText(hello) : "",
      anglesOf: (who) => angles.of(who, player.index),
    });
    element("close").hidden = !own;
    player.load(recording);
    card.hasPeople = true;
    card.disconnected = this.lost !== null;
    if (own) card.show("recording");
    else this.showServed("recording");
    if (recording.damage) {
      const seconds = recording.timesS[recording.length - 1]! - recording.timesS[0]!;
      showToast(`${name} ${recording.damage}. Showing the ${seconds.toFixed(1)} s that can be read.`, { error: true });
    }
  }

  private async openServed(path: string, name: string): Promise<void> {
    const { generation } = this;
    this.showServed("loading");
    try {
      const response = await fetch(onServer(path));
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      const recording = readRecording(await response.arrayBuffer());
      if (generation === this.generation) this.open(recording, name, false);
    } catch (error) {
      if (generation === this.generation) this.showServed("unreadable", `${name}: ${(error as Error).message}.`);
    }
  }

  private skeletonOf(joints: readonly string[], parents: readonly number[], bones: readonly string[]): Skeleton {
    const { hello } = this;
    return makeSkeleton(joints, parents, new Map(hello?.joints.map((joint, i) => [joint, hello.colors[i]!])), bones);
  }
}

function heightText({ height_m: height, height_from: from }: Hello): string {
  return height === null ? "" : `${height.toFixed(2)} m${from ? `, ${from}` : ""}`;
}
