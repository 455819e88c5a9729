// Puts the parts together: what comes from the server goes to the scene, the picture and the figures.
import { connectCamera } from "./camera";
import type { PoseMessage } from "./decode";
import { Labels } from "./labels";
import { Overlay } from "./overlay";
import { PeopleView } from "./people-view";
import { Player } from "./player";
import type { PoseFrame } from "./pose";
import { PROTOCOL_VERSION, type Hello, type Status } from "./protocol.generated";
import { Recording } from "./recording";
import { Link } from "./socket";
import { makeSkeleton } from "./skeleton";
import { Stage } from "./stage";
import { LiveStats } from "./stats";
import {
  connectTools,
  coveredEdges,
  element,
  showFilled,
  showLiveFigures,
  showPeople,
  showRecordingFigures,
  showSource,
  showState,
  showView,
} from "./ui";

const FIGURES_EVERY_MS = 400;

/** An address on this server, with the token that the page was opened with. */
function onServer(path: string): URL {
  const url = new URL(path, location.href);
  const token = new URLSearchParams(location.search).get("token");
  if (token !== null) url.searchParams.set("token", token);
  return url;
}

function socketUrl(path: string): URL {
  const url = onServer(path);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

function start(stage: Stage): void {
  const { dataset } = document.body;
  dataset["protocol"] = String(PROTOCOL_VERSION);
  let frames = 0;
  let pictures = 0;
  let stats: LiveStats | null = null;
  let status: Status = { type: "status", text: "ok", ended: false };
  let people = 0;
  let recording: Recording | null = null;
  /** Frames that were given to the scene and are not in a picture yet. */
  let undrawn: PoseMessage | null = null;
  /** Counts hellos, so that a recording of an older one that arrives late is not shown. */
  let session = 0;

  const offerCamera = connectCamera(socketUrl("camera"));
  const labels = new Labels(element("labels"), stage);
  const view = new PeopleView(stage, labels);
  const noSkeleton = makeSkeleton([], [], new Map());
  const overlay = new Overlay(element<HTMLCanvasElement>("overlay"), noSkeleton);
  overlay.onPicture = () => (dataset["pictures"] = String(++pictures));

  const show = (frame: PoseFrame): void => {
    view.show(frame);
    people = frame.people.length;
    showPeople(frame.people.map((person) => person.id));
  };

  const player = new Player(
    (index) => {
      if (!recording) return;
      show(recording.frame(index));
      overlay.showPeople(recording.people2D(index));
      dataset["frames"] = String(++frames);
      showRecordingFigures(recording.length, recording.fps, recording.dropped, people);
    },
    () => stage.draw(),
  );
  stage.addUpdater(() => player.update());

  const showStatus = (): void => {
    if (status.ended) showState("ended", status.text === "ok" ? undefined : status.text);
    else if (status.text.startsWith("waiting")) showState("waiting", status.text);
    else if (status.text !== "ok") showState("problem", status.text);
    else showState(frames > 0 ? "live" : "waiting");
  };

  const loadRecording = async (path: string, hello: Hello, colorOf: Map<string, string>): Promise<void> => {
    const mine = session;
    const source = hello.sources[0]!;
    showState("loading");
    try {
      const response = await fetch(onServer(path));
      if (!response.ok) throw new Error(`the server answers ${response.status}`);
      const loaded = new Recording(await response.arrayBuffer());
      if (mine !== session) return;
      recording = loaded;
      const skeleton = makeSkeleton(loaded.joints, loaded.parents, colorOf);
      view.reset(skeleton);
      overlay.reset(skeleton, loaded.imageSize);
      const assumptions = hello.assumptions.length > 0 ? hello.assumptions : loaded.assumptions;
      showSource(source.name, hello.estimator || (loaded.estimator ?? ""), assumptions);
      player.load(loaded);
      showFilled(true);
      showState("recording");
    } catch (error) {
      if (mine === session) showState("unreadable", `${source.name}: ${(error as Error).message}.`);
    }
  };

  const link = new Link(socketUrl("socket"), {
    onHello(hello) {
      const source = hello.sources[0]!;
      session++;
      offerCamera(hello.takes_camera);
      frames = pictures = people = 0;
      dataset["frames"] = dataset["pictures"] = dataset["persons"] = "0";
      dataset["latencyMs"] = "";
      dataset["protocol"] = String(hello.protocol);
      dataset["mode"] = hello.recording === null ? "live" : "recording";
      undrawn = null;
      recording = null;
      player.close();
      status = { type: "status", text: "ok", ended: false };
      stats = hello.recording === null ? new LiveStats(hello.server_ns, performance.now()) : null;
      const colorOf = new Map(hello.joints.map((joint, i) => [joint, hello.colors[i]!]));
      const skeleton = makeSkeleton(hello.joints, hello.parents, colorOf);
      view.reset(skeleton);
      overlay.reset(skeleton, [source.image_size[0]!, source.image_size[1]!]);
      element("picture-title").textContent = hello.recording === null ? "Picture" : "2D joints";
      showFilled(false);
      showPeople([]);
      showSource(source.name, hello.estimator, hello.assumptions);
      if (hello.recording === null) showStatus();
      else void loadRecording(hello.recording, hello, colorOf);
    },
    onStatus(next) {
      status = next;
      if (stats) showStatus();
    },
    onPoses(message) {
      stats?.arrived(message, performance.now());
      undrawn = message;
      show(message);
    },
    onPicture(message) {
      void overlay.showPicture(message.jpeg, message.people);
    },
    onGone(reason) {
      // A recording is here as a whole and plays on without the server; after its last frame a source needs none.
      if (!recording && !status.ended) showState("gone", reason);
    },
    onRefused(reason) {
      showState("refused", reason);
    },
  });

  stage.onDrawn = () => {
    const message = undrawn;
    if (!message) return;
    undrawn = null;
    link.acknowledge(message.frameId);
    dataset["frames"] = String(++frames);
    if (frames === 1) {
      showFilled(true);
      showStatus();
    }
    // The picture is handed to the screen before the next one is begun.
    const current = stats;
    requestAnimationFrame(() => current?.shown(message, performance.now()));
  };

  setInterval(() => {
    if (stats) showLiveFigures(stats.figures(performance.now()), people);
  }, FIGURES_EVERY_MS);

  stage.onView = showView;
  connectTools({
    look: (name) => view.look(name),
    follow: (on) => (view.follow = on),
    trails: (on) => (view.trails = on),
    names: (on) => {
      labels.all = on;
      stage.draw();
    },
  });
  showState("connecting");
  link.open();
}

function open(): Stage | null {
  try {
    return new Stage(element<HTMLCanvasElement>("stage"), coveredEdges);
  } catch {
    showState("refused", "This browser cannot draw in 3D: WebGL is switched off or missing.");
    return null;
  }
}

const stage = open();
if (stage) start(stage);
