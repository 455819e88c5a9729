// Files that the user opens (dropped or chosen) and files that the page saves.

/** Whether the drag holds files, and not text or a link of the page. */
function holdsFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

/** Call `use` with each file that is dropped on the page or chosen with `input`. */
export function connectFiles(input: HTMLInputElement, use: (file: File) => void): void {
  const { classList } = document.body;
  addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault(); // allows the drop
    classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) classList.remove("dropping"); // the pointer has left the window
  });
  addEventListener("drop", (event) => {
    classList.remove("dropping");
    if (!holdsFiles(event)) return;
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file) use(file);
  });
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    input.value = ""; // the same file may be chosen again
    if (file) use(file);
  });
}

/** Give the user a file. */
export function download(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** "rtpose-walk-20260131-154210.png" */
export function fileName(source: string, ending: string): string {
  const now = new Date();
  const two = (n: number): string => String(n).padStart(2, "0");
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  const name = source.replace(/\.[a-z0-9]+$/i, "").replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "");
  return `rtpose-${[name, day, time].filter(Boolean).join("-")}.${ending}`;
}
