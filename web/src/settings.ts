// What the user has chosen, kept in this browser.

export const STYLES = ["bones", "capsules", "mannequin"] as const;
export const THEMES = ["auto", "dark", "light"] as const;
export const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4] as const;

export interface Values {
  style: (typeof STYLES)[number];
  theme: (typeof THEMES)[number];
  /** Keep people centred. */
  follow: boolean;
  trails: boolean;
  /** The names of all joints. */
  names: boolean;
  /** A rod and a bar in metres beside the people. */
  scale: boolean;
  /** The picture as in a mirror. */
  mirror: boolean;
  /** The panels that are open. */
  angles: boolean;
  picture: boolean;
  figures: boolean;
  speed: (typeof SPEEDS)[number];
  loop: boolean;
}

export type Name = keyof Values;
export type Switch = { [N in Name]: Values[N] extends boolean ? N : never }[Name];

const CHOICES: { [N in Exclude<Name, Switch>]: readonly Values[N][] } = { style: STYLES, theme: THEMES, speed: SPEEDS };
const STORED_AS = "rtpose";

export class Settings {
  private readonly values: Values;
  private readonly listeners = new Map<Name, ((value: never) => void)[]>();

  constructor() {
    // On a phone the stats are collapsed at first.
    const roomy = !matchMedia("(max-width: 640px)").matches;
    this.values = {
      style: "capsules", theme: "auto", follow: true, trails: true, names: false, scale: true, mirror: false,
      angles: roomy, picture: true, figures: roomy, speed: 1, loop: true,
    };
    for (const [name, value] of Object.entries(read())) {
      if (name in this.values && this.fits(name as Name, value)) Object.assign(this.values, { [name]: value });
    }
  }

  get<N extends Name>(name: N): Values[N] {
    return this.values[name];
  }

  /** An invalid value changes nothing. */
  set<N extends Name>(name: N, value: Values[N]): void {
    if (!this.fits(name, value) || this.values[name] === value) return;
    this.values[name] = value;
    try {
      localStorage.setItem(STORED_AS, JSON.stringify(this.values));
    } catch {
      // The browser stores nothing: the choice holds while the page is open.
    }
    for (const act of this.listeners.get(name) ?? []) act(value as never);
  }

  toggle(name: Switch): void {
    this.set(name, !this.values[name]);
  }

  /** Take the next of a setting's choices. */
  next(name: "style" | "theme"): void {
    const choices: readonly string[] = CHOICES[name];
    this.set(name, choices[(choices.indexOf(this.values[name]) + 1) % choices.length] as never);
  }

  /** Call `act` with the value, now and whenever it changes. */
  on<N extends Name>(name: N, act: (value: Values[N]) => void): void {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), act as (value: never) => void]);
    act(this.values[name]);
  }

  private fits(name: Name, value: unknown): boolean {
    const choices = (CHOICES as Partial<Record<Name, readonly unknown[]>>)[name];
    return choices ? choices.includes(value) : typeof value === "boolean";
  }
}

/** What an earlier visit left; nothing if that cannot be read. */
function read(): Record<string, unknown> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORED_AS) ?? "{}");
    return typeof stored === "object" && stored !== null ? (stored as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
