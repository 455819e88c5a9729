// Buttons that choose a view, change a setting or collapse a panel.
import { element } from "../dom";
import type { View } from "../scene/stage";
import type { Settings, Switch, Values } from "../settings";

/** Mark the button of the camera's named view; null: none. */
export function showView(view: View | null): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-view]")) {
    button.ariaPressed = String(button.dataset["view"] === view);
  }
}

/** look: called with the view that was chosen. */
export function connectTools(settings: Settings, look: (view: View) => void): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-view]")) {
    button.addEventListener("click", () => look(button.dataset["view"] as View));
  }
  // data-setting names the setting; with data-value the button sets that value, without it the button toggles.
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-setting]")) {
    const { setting, value } = button.dataset as { setting: keyof Values; value?: string };
    button.addEventListener("click", () => {
      if (value === undefined) settings.toggle(setting as Switch);
      else settings.set(setting, value as Values[typeof setting]);
    });
    settings.on(setting, (current) => {
      const on = String(value === undefined ? current === true : current === value);
      if (button.classList.contains("fold")) {
        button.parentElement!.classList.toggle("folded", !current);
        button.ariaExpanded = on;
        button.title = `${current ? "Collapse" : "Expand"} (${button.dataset["key"]})`;
      } else {
        button.ariaPressed = on;
      }
    });
  }
}

/** Connect the buttons that do something once: data-action names it. */
export function connectActions(actions: Readonly<Record<string, () => void>>): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-action]")) {
    button.addEventListener("click", () => {
      element("menu").hidePopover();
      actions[button.dataset["action"]!]!();
    });
  }
}
