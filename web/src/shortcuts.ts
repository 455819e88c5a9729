// The keys: what they do, and how the help tells of them.
import { element } from "./ui";

export interface Shortcut {
  /** As in KeyboardEvent.key, letters in lower case. */
  keys: readonly string[];
  /** On the help's key caps. */
  shown: string;
  meaning: string;
  act(event: KeyboardEvent): void;
  /** Whether the key does anything now; always, if left out. */
  applies?(): boolean;
}

export function connectShortcuts(shortcuts: readonly Shortcut[]): void {
  addEventListener("keydown", (event) => {
    if (!isPlainKey(event)) return;
    const key = event.key.toLowerCase();
    const shortcut = shortcuts.find(({ keys, applies }) => keys.includes(key) && (applies?.() ?? true));
    if (!shortcut) return;
    event.preventDefault(); // a focused button or slider would act on the key, too
    shortcut.act(event);
  });
  // A button that was pressed with the pointer keeps no focus: Space is then for the page.
  addEventListener("click", ({ detail, target }) => {
    if (detail > 0 && target instanceof Element) target.closest("button")?.blur();
  });
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

/** Whether a key is meant for the page, and not for the browser, a list, a dialogue or the button that has the focus. */
function isPlainKey(event: KeyboardEvent): boolean {
  const { target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  if (!(target instanceof HTMLElement)) return true;
  if (target.matches("select, [type=text]") || target.closest("dialog")) return false;
  return !(event.key === " " && target.matches("button:not(#play)"));
}
