// What buttons and keys do: one table for both, so that they cannot differ.
import type { Display } from "./display";
import { element } from "./dom";
import { download, fileName } from "./panels/files";
import type { Player } from "./panels/player";
import type { Shortcut } from "./panels/shortcuts";
import { showToast } from "./panels/toast";
import { makeGlb } from "./recording/motion-glb";
import type { Labels } from "./scene/labels";
import type { PeopleView } from "./scene/people-view";
import { takeScreenshot } from "./scene/screenshot";
import type { Stage } from "./scene/stage";
import type { Session } from "./session";
import type { Settings } from "./settings";
import { switchTheme } from "./theme";

export interface ActionParts {
  settings: Settings;
  stage: Stage;
  labels: Labels;
  view: PeopleView;
  display: Display;
  player: Player;
  session: Session;
}

/** By the names in the page's data-action. */
export function makeActions({ stage, labels, view, display, session }: ActionParts): Record<string, () => void> {
  const save = async (make: () => Promise<Blob>, ending: string): Promise<void> => {
    try {
      const name = fileName(display.title, ending);
      download(await make(), name);
      showToast(`Saved ${name}`);
    } catch (error) {
      showToast(`Nothing was saved: ${(error as Error).message}.`, { error: true });
    }
  };
  const motion = async (): Promise<Blob> => {
    if (!session.bones) throw new Error("the server has not sent the bones yet");
    return makeGlb({ bones: session.bones, frames: session.motion, places: view.places, about: display.about });
  };
  return {
    open: () => element("file").click(),
    screenshot: () => void save(() => takeScreenshot(stage, labels.shown), "png"),
    motion: () => void save(motion, "glb"),
    help: () => element<HTMLDialogElement>("help").showModal(),
    sample: () => session.playOnServer("sample"),
    close: () => session.closeFile(),
  };
}

/** In the order of the help. */
export function makeShortcuts(parts: ActionParts, actions: Readonly<Record<string, () => void>>): Shortcut[] {
  const { settings, view, display, player, session } = parts;
  const key = (shown: string, meaning: string, act: () => void, applies?: () => boolean): Shortcut => ({
    keys: shown.toLowerCase().split(" "), shown, meaning, act, ...(applies ? { applies } : {}),
  });
  return [
    key("1", "Front view, as the camera sees it", () => view.look("front")),
    key("2", "Side view", () => view.look("side")),
    key("3", "Top view", () => view.look("top")),
    key("F", "Follow: keep people centred", () => settings.toggle("follow")),
    key("P", "Next person: camera and angles follow them", () => display.chooseNext()),
    key("B", "Next body style: bones, capsules, mannequin", () => settings.next("style")),
    key("T", "Trails of wrists and ankles", () => settings.toggle("trails")),
    key("N", "Joint names", () => settings.toggle("names")),
    key("A", "Joint angles", () => settings.toggle("angles")),
    key("M", "Scale in metres", () => settings.toggle("scale")),
    key("V", "Collapse or expand the picture", () => settings.toggle("picture")),
    key("I", "Collapse or expand the stats", () => settings.toggle("figures")),
    key("D", "Dark or light theme", () => switchTheme(settings)),
    key("O", "Open a video or a recording", actions["open"]!),
    key("S", "Save a screenshot (PNG)", actions["screenshot"]!),
    key("G", "Save the motion (glTF)", actions["motion"]!),
    key("R", "Start or stop recording", () => element("record").click(), () => !element("record").hidden),
    key("Escape", "Close the opened file", actions["close"]!, () => session.hasOwnFile),
    ...player.shortcuts(),
    key("?", "This help", actions["help"]!),
  ];
}
