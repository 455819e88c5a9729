// Follows the server and the user's files: what they deliver goes to the display, the player and the state card.
import { EMPTY, type Display } from "./display";
import { element } from "./dom";
import { Live } from "./live";
import { Link } from "./net/link";
import { onServer, socketUrl } from "./net/server-address";
import { uploadVideo } from "./net/video-upload";
import type { Hello } from "./net/protocol.generated";
import { RecordedAngles } from "./panels/angle-source";
import type { CameraButton } from "./panels/camera-button";
import type { Player } from "./panels/player";
import { RecordButton } from "./panels/record-button";
import { Setup } from "./panels/setup";
import type { State, StateCard } from "./panels/state-card";
import { showLiveStats, showRecordingStats } from "./panels/stats-panel";
import { hideToast, showToast } from "./panels/toast";
import type { PoseFrame } from "./pose";
import type { Bones } from "./recording/motion-glb";
import type { Recording } from "./recording/recording";
import { readRecording } from "./recording/recording-file";
import { RecordingVideo, type VideoPicture } from "./recording/recording-video";
import { makeSkeleton, type Skeleton } from "./skeleton";

/** A recording that is shown. */
interface Opened {
  recording: Recording;
  /** Whether the user gave it to the page; else the server did. */
  own: boolean;
}

/** Files that are sent to the server, whatever the browser calls their type. */
const VIDEO_NAME = /\.(mp4|mov|mkv|webm|avi|m4v|mpg|mpeg|ts|3gp|gif)$/i;

/** Times of a frame in a recording and in its video differ by less than this: they are rounded. */
const SAME_S = 0.004;

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
  private readonly setup: Setup;

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
    this.recordButton = new RecordButton((wanted) => this.link.record(wanted), (file) => void this.openFile(file));
    this.setup = new Setup((settings) => this.link.change(settings));
    parts.display.onHeight = (height) => this.setup.show(this.opened?.own ? null : this.hello, height);
    parts.card.onStart = (starts) => this.setup.place(starts);
    element("video-stop").addEventListener("click", () => this.playOnServer(""));
    element("start-path").addEventListener("submit", (event) => {
      event.preventDefault();
      const path = element<HTMLInputElement>("video-path").value.trim();
      if (path) this.playOnServer(path);
    });
  }

  connect(): void {
    this.link.open();
  }

  /** Whether a file of the user's is open. */
  get hasOwnFile(): boolean {
    return this.opened?.own === true;
  }

  /** The bones that bodies have; null before the server has said so. */
  get bones(): Bones | null {
    return this.hello;
  }

  /** All frames of the recording, or the last minute of the live stream. */
  get motion(): PoseFrame[] {
    const recording = this.opened?.recording;
    if (!recording) return this.live?.motion.frames ?? [];
    return Array.from({ length: recording.length }, (_, i) => recording.frame(i));
  }

  /** Have the server show a video: "sample", a path on its computer, or "" for none. */
  playOnServer(video: string): void {
    this.link.play(video);
    this.showVideoAsked(video !== "");
  }

  /** Show a file of the user's; an error is shown as a toast. */
  async openFile(file: File): Promise<void> {
    if (VIDEO_NAME.test(file.name) || file.type.startsWith("video/")) {
      await this.openVideo(file);
      return;
    }
    try {
      this.open(readRecording(await file.arrayBuffer()), file.name, true);
    } catch (error) {
      showToast(`Cannot open ${file.name}: ${(error as Error).message}.`, { error: true });
    }
  }

  /** Show a video beside the recording that is open: it was made of it. */
  private attachVideo(content: Blob, name: string): void {
    const { recording } = this.opened!;
    const show = (video: VideoPicture, timeS: number): void => this.showFrame(recording.indexAt(timeS + SAME_S), video);
    const fail = (): void => showToast(`This browser cannot play ${name}.`, { error: true });
    this.parts.player.attach(new RecordingVideo(content, show, fail));
  }

  /** Find the people in a video of the user's, or show it beside the recording that is open. */
  private async openVideo(file: File): Promise<void> {
    if (this.opened) {
      this.attachVideo(file, file.name);
      return;
    }
    if (!this.hello?.takes_video) {
      showToast(`This run takes no videos. Start rtpose with: rtpose webcam --camera browser`, { error: true });
      return;
    }
    try {
      showToast(`Uploading ${file.name} …`);
      await uploadVideo(file, (share) => showToast(`Uploading ${file.name} … ${Math.round(100 * share)} %`));
      hideToast();
      this.showVideoAsked(true);
    } catch (error) {
      showToast(`${file.name} was rejected: ${(error as Error).message}.`, { error: true });
    }
  }

  /** Whether this page has the server show a video, which it can then stop. */
  private showVideoAsked(asked: boolean): void {
    document.body.dataset["video"] = asked ? "asked" : "";
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

  /** The player has reached a frame of the recording. video: shows its picture, if the recording has one. */
  showFrame(index: number, video: VideoPicture | null = null): void {
    if (!this.opened) return;
    const { display } = this.parts;
    document.body.dataset["frame"] = String(index);
    const { recording } = this.opened;
    const frame = recording.frame(index);
    display.show(frame);
    if (video) display.showVideo(0, video, recording.people2D(index));
    else display.showPeople2D(0, recording.people2D(index));
    display.countFrame();
    showRecordingStats(recording.length, recording.fps, recording.dropped, frame.people.length);
  }

  /** The scene was drawn: acknowledge what it shows. */
  acknowledge(): void {
    const { display, card } = this.parts;
    for (const message of this.live?.drawn() ?? []) {
      this.link.acknowledge(message.source, message.frameId);
      if (display.countFrame() > 1 && this.served.state === "live") continue;
      // Of a source that waits for a page, what came last is over.
      card.hasPeople = !this.hello?.takes_camera || this.live?.status.text === "ok";
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
    if (this.lost !== null) this.showVideoAsked(false);
    const goesOn = this.lost === null && this.hello !== null && isSameStream(hello, this.hello);
    this.hello = hello;
    this.lost = null;
    if (goesOn) {
      const { estimator, assumptions } = hello;
      if (!this.hasOwnFile) this.parts.display.restate({ estimator, assumptions, height: heightText(hello) });
      return;
    }
    document.body.dataset["protocol"] = String(hello.protocol);
    this.recordButton.greet(hello);
    this.parts.camera.offer(hello.takes_camera);
    this.parts.card.offersCamera = hello.takes_camera;
    this.parts.card.offersVideo = hello.takes_video;
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
    // What was to be seen is over: the card that starts everything comes back.
    if (this.hello?.takes_camera && text !== "ok" && !ended) this.parts.card.hasPeople = false;
    if (ended) this.showServed("ended", text === "ok" ? "" : text);
    else if (text.startsWith("waiting")) {
      this.showServed("waiting", text);
    }
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
      if (generation !== this.generation) return;
      this.open(recording, name, false);
      const { video } = this.hello!;
      if (video === null) return;
      const opened = this.generation;
      const content = await (await fetch(onServer(video))).blob();
      if (opened === this.generation) this.attachVideo(content, name);
    } catch (error) {
      if (generation === this.generation) this.showServed("unreadable", `${name}: ${(error as Error).message}.`);
    }
  }

  private skeletonOf(joints: readonly string[], parents: readonly number[], bones: readonly string[]): Skeleton {
    const { hello } = this;
    return makeSkeleton(joints, parents, new Map(hello?.joints.map((joint, i) => [joint, hello.colors[i]!])), bones);
  }
}

/** Whether only settings have changed, and what is shown goes on. */
function isSameStream(a: Hello, b: Hello): boolean {
  const lasting = ({ sources, joints, live, recording, can_record, takes_camera, takes_video }: Hello): string =>
    JSON.stringify({ sources, joints, live, recording, can_record, takes_camera, takes_video });
  return a.recording === null && lasting(a) === lasting(b);
}

function heightText({ height_m: height, height_from: from }: Hello): string {
  return height === null ? "" : `${height.toFixed(2)} m${from ? `, ${from}` : ""}`;
}
