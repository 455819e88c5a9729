// Keyboard shortcuts, and their list in the help.
import { element } from "../dom";

export interface Shortcut {
  /** As in KeyboardEvent.key, letters in lower case. */
  keys: readonly string[];
  /** As the help shows it. */
  shown: string;
  meaning: string;
  act(event: KeyboardEvent): void;
  /** Whether the key does anything now. Left out: always. */
  applies?(): boolean;
}

export function connectShortcuts(shortcuts: readonly Shortcut[]): void {
  addEventListener("keydown", (event) => {
    if (!isPlainKey(event)) return;
    const key = event.key.toLowerCase();
    const shortcut = shortcuts.find(({ keys, applies }) => keys.includes(key) && (applies?.() ?? true));
    if (!shortcut) return;
    event.preventDefault(); // a focused button or slider would react to the key, too
    shortcut.act(event);
  });
  // A button that was clicked does not keep the focus, so that Space stays with the page.
  addEventListener("click", ({ detail, target }) => {
    if (detail > 0 && target instanceof Element) target.closest("button")?.blur();
  });
  element("help-close").addEventListener("click", () => element<HTMLDialogElement>("help").close());
  element("help-keys").replaceChildren(
    ...shortcuts.map(({ shown, meaning }) => {
      const row = document.createElement("div");
      const [keys, words] = [document.createElement("dt"), document.createElement("dd")];
      for (const cap of shown.split(" ")) {
        const kbd = document.createElement("kbd");
        kbd.textContent = cap;
        keys.append(kbd);
      }
      words.textContent = meaning;
      row.append(keys, words);
      return row;
    }),
  );
}

/** Whether a key is for the page: not for the browser, a list, a dialog or the focused button. */
function isPlainKey(event: KeyboardEvent): boolean {
  const { target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  if (!(target instanceof HTMLElement)) return true;
  if (target.matches("select, [type=text], [type=number]") || target.closest("dialog")) return false;
  return !(event.key === " " && target.matches("button:not(#play)"));
}
