// A button for each person: a click makes camera and angles follow them.
import { element } from "../dom";
import { isSame, personColor, personName, type Who } from "../pose";

/** several: whether there are several sources. chosen: whom camera and angles follow. */
export function showPeople(
  people: readonly Who[],
  several: boolean,
  chosen: Who | null,
  choose: (who: Who) => void,
): void {
  document.body.dataset["persons"] = String(people.length);
  const box = element("people");
  const isChosen = (who: Who): boolean => chosen !== null && isSame(who, chosen);
  const text = people.map((who) => `${who.source} ${who.id}${isChosen(who) ? "!" : ""}`).join();
  if (box.dataset["ids"] === text) return;
  box.dataset["ids"] = text;
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["who"] : undefined;
  box.replaceChildren(
    ...people.map((who) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.style.setProperty("--person", personColor(who));
      chip.textContent = personName(who, several);
      chip.dataset["who"] = `${who.source} ${who.id}`;
      chip.ariaPressed = String(isChosen(who));
      chip.title = isChosen(who) ? "Follow everyone (next person: P)" : "Follow this person and show their angles (next person: P)";
      chip.addEventListener("click", () => choose(who));
      return chip;
    }),
  );
  if (focused) box.querySelector<HTMLButtonElement>(`[data-who="${focused}"]`)?.focus();
}
