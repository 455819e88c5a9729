// This device's camera as the source: its newest picture is sent whenever the server has received the last one.
import JpegWorker from "./camera-worker?worker&inline";
import { CAMERA_BYTES, CAMERA_OFFSET, CAMERA_TAKEN, KIND_CAMERA, PROTOCOL_VERSION, type Taken } from "./protocol.generated";

/** Networks see people as squares of 256 pixels; a larger picture only costs time. */
const LONGEST_SIDE_PX = 960;
const RETRY_MS = 1000;

type Facing = "user" | "environment";

export class CameraSender {
  /** Whether the device has more than one camera. */
  several = false;
  private facing: Facing = "user";
  private stream: MediaStream | null = null;
  private socket: WebSocket | null = null;
  /** Whether the server has received the last picture. */
  private ready = false;
  private retryAtMs = 0;
  private counter = 0;
  private stayAwake: WakeLockSentinel | null = null;
  private readonly video = document.createElement("video");
  private worker: Worker | null = null;

  /** report: called with whether the camera is on, and a line for the user or "". */
  constructor(
    private readonly url: URL,
    private readonly report: (on: boolean, text: string) => void,
  ) {
    this.video.muted = this.video.playsInline = true;
    // The system releases the lock when the page is hidden.
    document.addEventListener("visibilitychange", () => this.stream && !document.hidden && this.keepAwake());
  }

  get on(): boolean {
    return this.stream !== null;
  }

  async start(): Promise<void> {
    if (!isSecureContext || !navigator.mediaDevices) {
      this.report(false, "Browsers allow the camera on https pages only. Start rtpose with --tls.");
      return;
    }
    this.report(false, "Allow the camera when the browser asks …");
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: this.facing, width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } },
      });
      this.release(); // of a second click
      this.stream = stream;
      stream.getVideoTracks()[0]!.addEventListener("ended", () => {
        if (this.stream === stream) this.stop("The camera was disconnected.");
      });
      this.video.srcObject = stream;
      await this.video.play();
      const devices = await navigator.mediaDevices.enumerateDevices();
      this.several = devices.filter((device) => device.kind === "videoinput").length > 1;
    } catch (error) {
      this.stop(whyNot(error as DOMException));
      return;
    }
    this.retryAtMs = 0;
    this.keepAwake();
    this.report(true, "");
    this.waitForFrame();
  }

  /** Switch to the camera on the other side of the device. */
  async turn(): Promise<void> {
    this.facing = this.facing === "user" ? "environment" : "user";
    this.release(); // many phones open one camera at a time
    await this.start();
  }

  stop(text: string): void {
    this.release();
    this.socket?.close();
    this.socket = null;
    void this.stayAwake?.release();
    this.report(false, text);
  }

  private release(): void {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }

  private waitForFrame(): void {
    const { stream } = this;
    this.video.requestVideoFrameCallback((nowMs, frame) => {
      if (!stream || this.stream !== stream) return;
      this.counter++;
      if (this.socket === null) this.connect(nowMs);
      else if (this.ready) void this.send(this.socket, Math.min(frame.captureTime ?? nowMs, nowMs));
      this.waitForFrame();
    });
  }

  /** Connects only once there is a picture: a page that sends nothing would block other cameras. */
  private connect(nowMs: number): void {
    if (nowMs < this.retryAtMs) return;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.ready = false;
    socket.onmessage = (event: MessageEvent<string>) => {
      this.ready = (JSON.parse(event.data) as Taken).type === "taken";
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.retryAtMs = performance.now() + RETRY_MS;
      if (event.code === CAMERA_TAKEN) this.stop(`${event.reason}.`);
    };
  }

  private async send(socket: WebSocket, capturedMs: number): Promise<void> {
    this.ready = false;
    const { counter } = this;
    const jpeg = await this.encode().catch(() => null);
    if (this.socket !== socket || socket.readyState !== WebSocket.OPEN) return;
    if (!jpeg) {
      this.ready = true; // the next picture will do
      return;
    }
    const header = new DataView(new ArrayBuffer(CAMERA_BYTES));
    header.setUint8(CAMERA_OFFSET.version, PROTOCOL_VERSION);
    header.setUint8(CAMERA_OFFSET.kind, KIND_CAMERA);
    header.setUint32(CAMERA_OFFSET.counter, counter, true);
    header.setFloat64(CAMERA_OFFSET.captured_ms, capturedMs, true);
    header.setFloat64(CAMERA_OFFSET.sent_ms, performance.now(), true);
    socket.send(new Blob([header.buffer as ArrayBuffer, jpeg]));
  }

  /** The current picture as a JPEG; null if that fails. */
  private async encode(): Promise<Blob | null> {
    const { video } = this;
    const scale = Math.min(1, LONGEST_SIDE_PX / Math.max(video.videoWidth, video.videoHeight));
    const picture = await createImageBitmap(video, {
      resizeWidth: Math.round(video.videoWidth * scale),
      resizeHeight: Math.round(video.videoHeight * scale),
    });
    const worker = (this.worker ??= new JpegWorker());
    return new Promise((done, failed) => {
      worker.onmessage = (event: MessageEvent<Blob | null>) => done(event.data);
      worker.onerror = failed;
      worker.postMessage(picture, [picture]);
    });
  }

  /** A phone whose screen turns off stops its camera. */
  private keepAwake(): void {
    navigator.wakeLock?.request("screen").then(
      (lock) => (this.stayAwake = lock),
      () => {}, // refused, for instance when the battery is low
    );
  }
}

function whyNot(error: DOMException): string {
  if (error.name === "NotAllowedError") return "Camera blocked. Allow it in the address bar, then try again.";
  if (error.name === "NotFoundError") return "This device has no camera.";
  if (error.name === "NotReadableError") return "The camera is busy. Close other programs that use it.";
  return `Cannot use the camera (${error.message}).`;
}
