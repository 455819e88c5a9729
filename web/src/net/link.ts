// The connection to the server: opens, reads, acknowledges, and reconnects by itself.
import { decodeBinary, decodeText, type PictureMessage, type PoseMessage } from "./decode";
import { PROTOCOL_VERSION, type Hello, type LiveSettings, type Recording, type Status } from "./protocol.generated";

export interface LinkEvents {
  /** A new session: what was known before no longer counts. */
  onHello(hello: Hello): void;
  onStatus(status: Status): void;
  /** The server records, has ended a recording, or says why it cannot. */
  onRecording(recording: Recording): void;
  onPoses(message: PoseMessage): void;
  onPicture(message: PictureMessage): void;
  /** The connection was lost or could not be made; the next attempt is after `retryMs`. */
  onGone(reason: string, retryMs: number): void;
  /** This page cannot talk to this server; there is no further attempt. */
  onRefused(reason: string): void;
}

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 3000;
const PAUSE_GROWTH = 1.6;

export class Link {
  private socket: WebSocket | null = null;
  private hello: Hello | null = null;
  private pauseMs = FIRST_PAUSE_MS;
  private timer: number | undefined;

  constructor(
    private readonly url: URL,
    private readonly events: LinkEvents,
  ) {
    // When the network is back or the page is visible again, reconnect at once.
    addEventListener("online", () => this.reopen());
    document.addEventListener("visibilitychange", () => !document.hidden && this.reopen());
  }

  open(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.hello = null;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this.receive(event.data);
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.events.onGone(event.reason, this.pauseMs);
      this.timer = setTimeout(() => this.open(), this.pauseMs);
      this.pauseMs = Math.min(this.pauseMs * PAUSE_GROWTH, LONGEST_PAUSE_MS);
    };
  }

  /** Tell the server that a frame is on the screen. */
  acknowledge(source: number, frameId: number): void {
    this.send({ ack: frameId, source });
  }

  /** Ask the server to begin or end a recording. */
  record(wanted: boolean): void {
    this.send({ record: wanted });
  }

  /** Ask the server for other settings; what is left out stays. */
  change(settings: Partial<LiveSettings>): void {
    this.send({ settings });
  }

  /** Ask the server for a video: "sample", a path on its computer, or "" for none. */
  play(video: string): void {
    this.send({ play: video });
  }

  private send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private reopen(): void {
    if (this.timer !== undefined) this.open();
  }

  private receive(data: string | ArrayBuffer): void {
    try {
      if (typeof data === "string") {
        const message = decodeText(data);
        if (message.type === "hello") this.greet(message);
        else if (message.type === "status") this.events.onStatus(message);
        else this.events.onRecording(message);
      } else if (this.hello) {
        const message = decodeBinary(data, this.hello.joints.length, this.hello.sources.length);
        if (message.kind === "poses") this.events.onPoses(message);
        else this.events.onPicture(message);
      }
    } catch (error) {
      this.refuse(`The server sent a message that this page cannot read: ${(error as Error).message}.`);
    }
  }

  private greet(hello: Hello): void {
    if (hello.protocol !== PROTOCOL_VERSION) {
      this.refuse(
        `The server uses protocol version ${hello.protocol}, this page version ${PROTOCOL_VERSION}. Reload the page.`,
      );
      return;
    }
    this.hello = hello;
    this.pauseMs = FIRST_PAUSE_MS;
    this.events.onHello(hello);
  }

  private refuse(reason: string): void {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.events.onRefused(reason);
  }
}
