// What the page is doing: the word in the top bar, and the card in the middle while there is nothing to see.
import { element } from "../dom";

/** What the page is doing; also `document.body.dataset.state`. */
export type State =
  | "connecting" // no hello yet
  | "waiting" // a hello, but no pose yet
  | "live"
  | "problem" // the source has a problem
  | "ended" // the source has ended
  | "gone" // the server is gone; the page keeps trying
  | "refused" // page and server do not understand each other
  | "loading" // a recording is on its way
  | "recording"
  | "unreadable"; // a recording that cannot be played

const WORDS: Record<State, string> = {
  connecting: "Connecting",
  waiting: "Waiting",
  live: "Live",
  problem: "Source problem",
  ended: "Stream ended",
  gone: "Disconnected",
  refused: "Stopped",
  loading: "Loading",
  recording: "Playback",
  unreadable: "Not readable",
};

interface Card {
  title: string;
  /** Unless the server says more. */
  text: string;
  busy: boolean;
}

const CARDS: Partial<Record<State, Card>> = {
  connecting: { title: "Connecting", text: "Looking for rtpose at this address …", busy: true },
  waiting: { title: "Waiting for the first frame", text: "", busy: true },
  loading: { title: "Loading the recording", text: "", busy: true },
  problem: { title: "Source problem", text: "", busy: true },
  ended: { title: "Stream ended", text: "The last frame stays on screen.", busy: false },
  gone: { title: "Disconnected", text: "Restart rtpose; this page reconnects by itself.", busy: true },
  refused: { title: "This page cannot continue", text: "", busy: false },
  unreadable: { title: "Cannot play the recording", text: "", busy: false },
};
/** Where the user has to choose what is to be seen: the server waits for a page's camera. */
const START: Card = { title: "Start here", text: "", busy: false };

export class StateCard {
  private state: State = "connecting";
  private text = "";
  private filled = false;
  /** Whether the server waits for a page's camera. */
  private takesCamera = false;
  /** Whether the server takes videos of a page. */
  private takesVideo = false;
  private camera = false;
  private offline = false;
  /** Called with whether the start card is shown. */
  onStart: (starts: boolean) => void = () => {};

  constructor() {
    element("notice-action").addEventListener("click", () => location.reload());
    this.draw();
  }

  /** text: what the server says about it, instead of the page's own words. */
  show(state: State, text = ""): void {
    this.state = state;
    this.text = text;
    this.draw();
  }

  /** Whether somebody can be seen: the card then makes room. */
  set hasPeople(filled: boolean) {
    this.filled = filled;
    this.draw();
  }

  set offersCamera(offers: boolean) {
    this.takesCamera = offers;
    this.draw();
  }

  set offersVideo(offers: boolean) {
    this.takesVideo = offers;
    this.draw();
  }

  /** Whether this page's camera is on. */
  set cameraOn(on: boolean) {
    this.camera = on;
    this.draw();
  }

  /** What is shown needs no server, but the server is gone. */
  set disconnected(offline: boolean) {
    this.offline = offline;
    this.draw();
  }

  private draw(): void {
    const { state, filled } = this;
    const { body } = document;
    body.dataset["state"] = state;
    body.classList.toggle("filled", filled);
    body.classList.toggle("offline", this.offline);
    element("state-text").textContent = this.offline ? `${WORDS[state]} · disconnected` : WORDS[state];
    const starts = !filled && (state === "waiting" || state === "problem") && this.takesCamera;
    this.placeCamera(starts);
    this.onStart(starts);
    const card = starts && !this.camera ? START : CARDS[state];
    const box = element("notice");
    box.hidden = !card;
    if (!card) return;
    box.classList.toggle("busy", card.busy);
    box.classList.toggle("start", starts);
    element("notice-title").textContent = card.title;
    const repeated = this.text.toLowerCase() === card.title.toLowerCase();
    element("notice-text").textContent = (repeated ? "" : sentence(this.text)) || card.text;
    element("notice-action").hidden = state !== "refused";
    element("start").hidden = !starts || this.camera;
    // A phone reaches the page at the same address, unless that means "this computer".
    const local = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
    element("start-sample").hidden = !this.takesVideo;
    element("start-path").hidden = !(local && this.takesVideo);
    element("start-phone").hidden = local;
    element("start-address").textContent = local ? "" : location.href;
  }

  /** The camera's buttons are in the card while it is what starts everything, and under the picture later. */
  private placeCamera(starts: boolean): void {
    const camera = element("camera");
    const place = element(starts ? "start-camera" : "picture");
    if (camera.parentElement !== place) place.append(camera);
  }
}

/** The server's words as the card says them: nothing that its title says already. */
function sentence(text: string): string {
  if (/^the (source|stream) has ended\.?$/i.test(text)) return "";
  return text.startsWith("waiting ") ? `rtpose is ${text}.` : text;
}
