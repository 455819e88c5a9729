// The record button. The file is written where the program runs; the page only says when.
import type { Hello, Recording } from "./protocol.generated";
import { element, showToast } from "./ui";

export class Recorder {
  private readonly button = element<HTMLButtonElement>("record");
  private readonly words = element("record-text");
  private file: string | null = null;
  private startedMs = 0;
  private timer: number | undefined;

  /** wish: ask the server to begin (true) or end a recording. */
  constructor(wish: (wanted: boolean) => void) {
    this.button.addEventListener("click", () => wish(this.file === null));
  }

  greet(hello: Hello): void {
    this.offer(hello.can_record);
    this.set(null);
  }

  /** What the server says about it. */
  show({ file, text }: Recording): void {
    const before = this.file;
    this.set(file);
    if (text) showToast(text);
    else if (file !== null && file !== before) showToast(`Recording into ${file}`);
  }

  /** The server is gone: nobody knows whether it still records. */
  lose(): void {
    this.set(null);
    this.offer(false);
  }

  private offer(can: boolean): void {
    this.button.hidden = !can;
    document.body.classList.toggle("can-record", can);
  }

  private set(file: string | null): void {
    if (file !== null && this.file === null) this.startedMs = performance.now();
    this.file = file;
    document.body.classList.toggle("recording", file !== null);
    this.button.ariaPressed = String(file !== null);
    this.button.title = file === null ? "Record to a file where rtpose runs (R)" : `Recording into ${file}; end it (R)`;
    clearInterval(this.timer);
    if (file !== null) this.timer = setInterval(() => this.tell(), 500);
    this.tell();
  }

  private tell(): void {
    const seconds = Math.floor((performance.now() - this.startedMs) / 1000);
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    this.words.textContent = this.file === null ? "Record" : clock;
    this.button.ariaLabel = this.file === null ? "Record" : "Recording, end it";
  }
}
