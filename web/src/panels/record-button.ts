// The record button. rtpose writes the file where it runs; the page only says when to start and stop.
import { element } from "../dom";
import type { Hello, Recording } from "../net/protocol.generated";
import { onServer } from "../net/server-address";
import { download } from "./files";
import { showToast, type ToastAction } from "./toast";

export class RecordButton {
  private readonly button = element<HTMLButtonElement>("record");
  private readonly words = element("record-text");
  private file: string | null = null;
  private startedMs = 0;
  private timer: number | undefined;

  /** request: ask the server to start (true) or stop recording. open: show a file. */
  constructor(
    request: (wanted: boolean) => void,
    private readonly open: (file: File) => void,
  ) {
    this.button.addEventListener("click", () => request(this.file === null));
  }

  greet(hello: Hello): void {
    this.offer(hello.can_record);
    this.set(null);
  }

  /** The server's state: the file that it writes, and what it says about it. */
  show({ file, text }: Recording): void {
    const before = this.file;
    this.set(file);
    if (text) showToast(text, { actions: before !== null && file === null ? actionsFor(before, this.open) : [] });
    else if (file !== null && file !== before) showToast(`Recording to ${file}: every frame from now on, even without people`);
  }

  /** The server is gone: it may or may not still record. */
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
    this.button.title = file === null ? "Record to a file on the computer that runs rtpose (R)" : `Recording to ${file}. Stop (R)`;
    clearInterval(this.timer);
    if (file !== null) this.timer = setInterval(() => this.draw(), 500);
    this.draw();
  }

  private draw(): void {
    const seconds = Math.floor((performance.now() - this.startedMs) / 1000);
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    this.words.textContent = this.file === null ? "Record" : clock;
    this.button.ariaLabel = this.file === null ? "Record" : "Stop recording";
  }
}

/** What can be done with a file that rtpose has written: where it runs, which may be another computer. */
function actionsFor(file: string, open: (file: File) => void): ToastAction[] {
  const fetched = async (use: (content: File) => void): Promise<void> => {
    try {
      const response = await fetch(onServer("recorded"));
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      use(new File([await response.blob()], file));
    } catch (error) {
      showToast(`${file} cannot be downloaded: ${(error as Error).message}.`, { error: true });
    }
  };
  const command = `rtpose convert ${file} ${file.replace(/\.\w+$/, "")}.bvh`;
  const copy = (): void =>
    void navigator.clipboard.writeText(command).then(() => showToast(`Copied: ${command}`), () => showToast(command));
  const actions: ToastAction[] = [
    { name: "Open", act: () => void fetched(open) },
    { name: "Download", act: () => void fetched((content) => download(content, file)) },
  ];
  // Not for several files, and names that a shell would read otherwise.
  if (/^[\w.-]+$/.test(file) && navigator.clipboard) actions.push({ name: "Copy the convert command", act: copy });
  return actions;
}
