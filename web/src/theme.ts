// Dark or light: the system's theme or the chosen one. The page's colours are in style.css, the scene's are here.
import type { Settings } from "./settings";

export interface Palette {
  dark: boolean;
  background: string;
  /** Of the ground under the people; it fades into the background. */
  ground: string;
  line: string;
  shadow: string;
  /** Light from all around: from above, from below, how much. */
  sky: string;
  bounce: string;
  ambient: number;
  /** The camera's sign, and the two tones of the scale. */
  sign: string;
  scale: readonly [string, string];
}

export const DARK: Palette = {
  dark: true, background: "#0b0e15", ground: "#1b2438", line: "#41517a", shadow: "#0a0e18",
  sky: "#c9dcff", bounce: "#4a3f5c", ambient: 1.5, sign: "#55617c", scale: ["#aab6cf", "#4d5a78"],
};
const LIGHT: Palette = {
  dark: false, background: "#e6eaf2", ground: "#fbfcfe", line: "#aab6cc", shadow: "#bac4d6",
  sky: "#ffffff", bounce: "#b9bfd0", ambient: 1.7, sign: "#7b88a3", scale: ["#4d5a78", "#c3ccdd"],
};

/** Calls `apply` now and whenever the theme changes. */
export function connectTheme(settings: Settings, apply: (palette: Palette) => void): void {
  const system = matchMedia("(prefers-color-scheme: light)");
  const update = (): void => {
    const choice = settings.get("theme");
    const palette = (choice === "auto" ? system.matches : choice === "light") ? LIGHT : DARK;
    document.documentElement.dataset["theme"] = palette.dark ? "dark" : "light";
    document.querySelector<HTMLMetaElement>("meta[name=theme-color]")!.content = palette.background;
    apply(palette);
  };
  system.addEventListener("change", update);
  settings.on("theme", update);
}

/** Switch to the theme that is not shown now. */
export function switchTheme(settings: Settings): void {
  settings.set("theme", document.documentElement.dataset["theme"] === "dark" ? "light" : "dark");
}
