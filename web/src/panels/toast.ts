// One line at the bottom that goes away by itself.
import { element } from "../dom";

const [SHORT_MS, LONG_MS] = [6_000, 15_000];
let timer: number | undefined;

/** Something to click in a toast. */
export interface ToastAction {
  name: string;
  act(): void;
}

/** Show a message for a while; errors and offers stay longer. A click on an action closes it. */
export function showToast(text: string, { error = false, actions = [] }: { error?: boolean; actions?: readonly ToastAction[] } = {}): void {
  const toast = element("toast");
  toast.replaceChildren(
    text,
    ...actions.map(({ name, act }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => {
        hideToast();
        act();
      });
      return button;
    }),
  );
  toast.classList.toggle("wrong", error);
  clearTimeout(timer);
  timer = setTimeout(hideToast, error || actions.length > 0 ? LONG_MS : SHORT_MS);
}

/** Take the message away. */
export function hideToast(): void {
  element("toast").replaceChildren();
}
