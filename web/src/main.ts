// Puts the parts together: what comes from the server or out of a file goes to the scene, the pictures and the figures.
import { AnglePanel } from "./angle-panel";
import { RecordedAngles } from "./angle-source";
import { connectCamera } from "./camera";
import { connectFiles, download, fileName } from "./files";
import { LatencyHistogram } from "./histogram";
import { Labels } from "./labels";
import { Live } from "./live";
import { makeGlb } from "./motion-glb";
import { PeopleView } from "./people-view";
import { Pictures } from "./pictures";
import { Player } from "./player";
import { isSame, personName, type PoseFrame, type Who } from "./pose";
import { PROTOCOL_VERSION, type Hello } from "./protocol.generated";
import { Recorder } from "./recorder";
import type { Recording } from "./recording";
import { readRecording } from "./recording-file";
import { takeScreenshot } from "./screenshot";
import { Settings } from "./settings";
import { connectShortcuts, type Shortcut } from "./shortcuts";
import { Link } from "./socket";
import { makeSkeleton, type Skeleton } from "./skeleton";
import { Stage } from "./stage";
import { connectTheme, switchTheme } from "./theme";
import {
  connectTools,
  coveredEdges,
  element,
  shortName,
  showFilled,
  showLiveFigures,
  showPeople,
  showRecordingFigures,
  showSource,
  showState,
  showToast,
  showView,
  type State,
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

/** A recording that is shown. */
interface Opened {
  recording: Recording;
  angles: RecordedAngles;
  /** Whether the user gave it to the page; else the server did. */
  own: boolean;
}

function start(stage: Stage): void {
  const { dataset } = document.body;
  dataset["protocol"] = String(PROTOCOL_VERSION);
  const settings = new Settings();
  const offerCamera = connectCamera(socketUrl("camera"));
  const labels = new Labels(element("labels"), stage);
  const view = new PeopleView(stage, labels);
  const pictures = new Pictures();
  const anglePanel = new AnglePanel();
  const histogram = new LatencyHistogram();

  /** What the server said last; null before it has said anything. */
  let hello: Hello | null = null;
  let live: Live | null = null;
  let opened: Opened | null = null;
  /** Counts what was begun, so that a recording that arrives too late is not shown. */
  let session = 0;
  /** The state of the connection and of what comes over it; told while no file of the user's is open. */
  let served: [State, string | undefined] = ["connecting", undefined];
  let gone: string | null = null;

  let skeleton: Skeleton = makeSkeleton([], [], new Map());
  let names: readonly string[] = [""];
  let about: Record<string, unknown> = {};
  let frames = 0;
  let pictureCount = 0;
  /** Who is in the newest frame of each source. */
  const people = new Map<number, readonly Who[]>();
  /** Whom camera and angles follow; null: all, and the angles of the first. */
  let chosen: Who | null = null;

  const several = (): boolean => names.length > 1;
  const everybody = (): Who[] => [...people.keys()].sort((a, b) => a - b).flatMap((source) => people.get(source)!);

  const showWho = (): void => {
    showPeople(everybody(), several(), chosen, choose);
    if (!settings.get("angles")) return;
    const all = everybody();
    const who = all.find((one) => chosen && isSame(one, chosen)) ?? all[0];
    const window = who && (opened ? opened.angles.of(who, player.index) : live?.angles.of(who));
    anglePanel.show(who ? personName(who, several()) : "", window ?? null);
  };
  const choose = (who: Who | null): void => {
    chosen = who && chosen && isSame(who, chosen) ? null : who;
    view.focus = chosen;
    showWho();
  };
  const chooseNext = (): void => {
    const all = everybody();
    const at = all.findIndex((one) => chosen && isSame(one, chosen));
    choose(all[at + 1] ?? chosen); // after the last one all again
  };
  const show = (frame: PoseFrame): void => {
    view.show(frame);
    people.set(frame.source, frame.people);
    showWho();
  };

  /** Forget what was shown and begin with other people. */
  const begin = (
    mode: "live" | "recording",
    of: Skeleton,
    sources: readonly { name: string; size: readonly [number, number] }[],
    estimator: string,
    assumptions: readonly string[],
  ): void => {
    session++;
    skeleton = of;
    names = sources.map((source) => source.name);
    about = { program: "rtpose", sources: names, estimator, assumptions, units: "metres", axes: "y up" };
    frames = pictureCount = 0;
    for (const name of ["frames", "pictures", "persons"]) dataset[name] = "0";
    dataset["latencyMs"] = "";
    dataset["mode"] = mode;
    chosen = null;
    people.clear();
    view.reset(skeleton, names.map(shortName));
    pictures.reset(skeleton, sources);
    element("picture-title").textContent = mode === "recording" ? "2D joints" : several() ? "Pictures" : "Picture";
    showFilled(false);
    showWho();
    showSource(names, estimator, assumptions);
  };

  /** The state of the server's side. */
  const tell = (state: State, text?: string): void => {
    served = [state, text];
    if (!opened?.own) showState(state, text);
  };
  const tellStatus = (): void => {
    if (!live) return;
    const { text, ended } = live.status;
    if (ended) tell("ended", text === "ok" ? undefined : text);
    else if (text.startsWith("waiting")) tell("waiting", text);
    else if (text !== "ok") tell("problem", text);
    else tell(frames > 0 ? "live" : "waiting");
  };

  const player = new Player(
    settings,
    (index) => {
      if (!opened) return;
      const { recording } = opened;
      const frame = recording.frame(index);
      show(frame);
      pictures.showPeople(0, recording.people2D(index));
      dataset["frames"] = String(++frames);
      showRecordingFigures(recording.length, recording.fps, recording.dropped, frame.people.length);
    },
    () => stage.draw(),
  );
  stage.addUpdater(() => player.update());

  const open = (recording: Recording, name: string, own: boolean): void => {
    const colorOf = new Map(hello?.joints.map((joint, i) => [joint, hello!.colors[i]!]));
    const of = makeSkeleton(recording.joints, recording.parents, colorOf);
    const estimator = (!own && hello?.estimator) || recording.estimator;
    const assumptions = !own && hello && hello.assumptions.length > 0 ? hello.assumptions : recording.assumptions;
    opened = { recording, angles: new RecordedAngles(recording, of), own };
    begin("recording", of, [{ name, size: recording.imageSize }], estimator, assumptions);
    element("close").hidden = !own;
    player.load(recording);
    showFilled(true);
    if (own) showState("recording");
    else tell("recording");
    if (recording.damage) {
      const seconds = recording.timesS[recording.length - 1]! - recording.timesS[0]!;
      showToast(`${name}: ${recording.damage}. What could be read is shown, ${seconds.toFixed(1)} s.`, true);
    }
  };

  const openServed = async (path: string, name: string): Promise<void> => {
    const mine = session;
    tell("loading");
    try {
      const response = await fetch(onServer(path));
      if (!response.ok) throw new Error(`the server answers ${response.status}`);
      const recording = readRecording(await response.arrayBuffer());
      if (mine === session) open(recording, name, false);
    } catch (error) {
      if (mine === session) tell("unreadable", `${name}: ${(error as Error).message}.`);
    }
  };

  const openFile = async (file: File): Promise<void> => {
    try {
      open(readRecording(await file.arrayBuffer()), file.name, true);
    } catch (error) {
      showToast(`${file.name} cannot be shown: ${(error as Error).message}.`, true);
    }
  };

  /** Show what the server has to show. */
  const enter = (): void => {
    opened = null;
    player.close();
    live = null;
    if (!hello) {
      begin("live", makeSkeleton([], [], new Map()), [{ name: "", size: [0, 0] }], "", []);
      tell(...served);
      return;
    }
    const of = makeSkeleton(hello.joints, hello.parents, new Map(hello.joints.map((joint, i) => [joint, hello!.colors[i]!])));
    const sources = hello.sources.map(({ name, image_size: size }) => ({ name, size: [size[0]!, size[1]!] as const }));
    begin(hello.recording === null ? "live" : "recording", of, sources, hello.estimator, hello.assumptions);
    if (hello.recording === null) {
      live = new Live(hello, of);
      tellStatus();
    } else {
      void openServed(hello.recording, hello.sources[0]!.name);
    }
    if (gone !== null) tell("gone", gone);
  };

  const link = new Link(socketUrl("socket"), {
    onHello(next) {
      hello = next;
      gone = null;
      dataset["protocol"] = String(hello.protocol);
      recorder.greet(hello);
      offerCamera(hello.takes_camera);
      if (!opened?.own) enter();
    },
    onStatus(next) {
      for (const failure of next.failures) if (!live?.status.failures.includes(failure)) showToast(failure, true);
      if (live) live.status = next;
      tellStatus();
    },
    onRecording(state) {
      recorder.show(state);
    },
    onPoses(message) {
      if (!live || opened) return;
      live.arrived(message);
      show(message);
    },
    onPicture(message) {
      if (live && !opened) pictures.showPicture(message);
    },
    onGone(reason) {
      gone = reason;
      recorder.lose();
      // The server's recording is here as a whole and plays on without it; after its last frame a source needs none.
      if (served[0] !== "recording" && served[0] !== "ended") tell("gone", reason);
    },
    onRefused(reason) {
      tell("refused", reason);
    },
  });
  const recorder = new Recorder((wanted) => link.record(wanted));

  pictures.onPicture = () => (dataset["pictures"] = String(++pictureCount));
  stage.onDrawn = () => {
    for (const message of live?.drawn() ?? []) {
      link.acknowledge(message.source, message.frameId);
      dataset["frames"] = String(++frames);
      if (frames === 1) {
        showFilled(true);
        tellStatus();
      }
    }
  };
  setInterval(() => {
    if (!live || opened) return;
    showLiveFigures(live.figures(), everybody().length);
    if (settings.get("figures")) histogram.show(live.stages());
  }, FIGURES_EVERY_MS);

  const save = async (make: () => Promise<Blob>, ending: string): Promise<void> => {
    try {
      const name = fileName(shortName(names[0] ?? ""), ending);
      download(await make(), name);
      showToast(`Saved ${name}`);
    } catch (error) {
      showToast(`Nothing was saved: ${(error as Error).message}.`, true);
    }
  };
  const saveMotion = (): Promise<Blob> => {
    const recording = opened?.recording;
    const all = recording
      ? Array.from({ length: recording.length }, (_, i) => recording.frame(i))
      : (live?.motion.frames ?? []);
    return makeGlb({ skeleton, frames: all, offsets: view.offsets, about });
  };
  const actions: Record<string, () => void> = {
    open: () => element("file").click(),
    screenshot: () => void save(() => takeScreenshot(stage, labels.shown), "png"),
    motion: () => void save(saveMotion, "glb"),
    help: () => element<HTMLDialogElement>("help").showModal(),
    close: enter,
  };
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-action]")) {
    button.addEventListener("click", () => {
      element("menu").hidePopover();
      actions[button.dataset["action"]!]!();
    });
  }
  element("help-close").addEventListener("click", () => element<HTMLDialogElement>("help").close());
  connectFiles(element<HTMLInputElement>("file"), (file) => void openFile(file));

  stage.onView = showView;
  connectTools(settings, (name) => view.look(name));
  settings.on("follow", (on) => (view.follow = on));
  settings.on("trails", (on) => (view.trails = on));
  settings.on("scale", (on) => (view.scaleShown = on));
  settings.on("style", (style) => (view.style = style));
  settings.on("names", (on) => {
    labels.all = on;
    stage.draw();
  });
  settings.on("angles", (on) => {
    element("angles").hidden = !on;
    if (on) showWho();
  });
  connectTheme(settings, (palette) => {
    stage.paint(palette);
    view.paint(palette);
    pictures.draw();
    player.draw();
  });

  const press = (id: string): void => element(id).click();
  const key = (shown: string, meaning: string, act: () => void, applies?: () => boolean): Shortcut => ({
    keys: shown.toLowerCase().split(" "), shown, meaning, act, ...(applies ? { applies } : {}),
  });
  const isMarked = (id: string): boolean => !element(id).hidden;
  connectShortcuts([
    key("1", "From the front, as the camera sees", () => view.look("front")),
    key("2", "From the side", () => view.look("side")),
    key("3", "From above", () => view.look("top")),
    key("F", "Follow: keep people in the middle", () => settings.toggle("follow")),
    key("P", "Next person: camera and angles follow", chooseNext),
    key("B", "Next body: bones, capsules, mannequin", () => settings.next("style")),
    key("T", "Trails of wrists and ankles", () => settings.toggle("trails")),
    key("N", "Names of all joints", () => settings.toggle("names")),
    key("A", "Joint angles", () => settings.toggle("angles")),
    key("M", "Scale in metres", () => settings.toggle("scale")),
    key("V", "Fold the picture", () => settings.toggle("picture")),
    key("I", "Fold the figures", () => settings.toggle("figures")),
    key("D", "Dark or light", () => switchTheme(settings)),
    key("O", "Open a recording", actions["open"]!),
    key("S", "Save a screenshot (PNG)", actions["screenshot"]!),
    key("G", "Save the motion (glTF)", actions["motion"]!),
    key("R", "Begin or end recording", () => press("record"), () => isMarked("record")),
    key("Escape", "Close the opened file", enter, () => opened?.own === true),
    ...player.shortcuts(),
    key("?", "This help", actions["help"]!),
  ]);
  showState("connecting");
  link.open();
}

function openStage(): Stage | null {
  try {
    return new Stage(element<HTMLCanvasElement>("stage"), coveredEdges);
  } catch {
    showState("refused", "This browser cannot draw in 3D: WebGL is switched off or missing.");
    return null;
  }
}

const stage = openStage();
if (stage) start(stage);
