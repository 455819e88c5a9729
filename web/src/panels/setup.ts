// What a page may change of the run: height, field of view, people, network. In the start card, later in the stats.
import { element } from "../dom";
import type { Hello, LiveSettings } from "../net/protocol.generated";

export class Setup {
  private readonly form = element<HTMLFormElement>("setup-form");
  private readonly box = element<HTMLDetailsElement>("setup");

  /** request: ask the server for other settings. */
  constructor(request: (settings: Partial<LiveSettings>) => void) {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      request(this.given());
    });
  }

  /** What holds now. height: of the shown people, "" if it is not known. */
  show(hello: Hello | null, height: string): void {
    const settings = hello?.settings ?? null;
    this.box.hidden = height === "" && settings === null;
    this.form.hidden = settings === null;
    element("height").textContent = height;
    if (settings === null || this.form.contains(document.activeElement)) return;
    for (const [name, value] of Object.entries(settings)) this.field(name).value = value === null ? "" : String(value);
  }

  /** Put it into the start card, or back to the stats. */
  place(starts: boolean): void {
    const place = element(starts ? "start-setup" : "setup-place");
    if (this.box.parentElement !== place) place.append(this.box);
  }

  private field(name: string): HTMLInputElement | HTMLSelectElement {
    return this.form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
  }

  private given(): Partial<LiveSettings> {
    const number = (name: string): number | null => (this.field(name).value === "" ? null : Number(this.field(name).value));
    const network = this.field("network").value;
    return {
      height_m: number("height_m"),
      fov_deg: number("fov_deg"),
      persons: number("persons"),
      network: network === "" ? null : (network as NonNullable<LiveSettings["network"]>),
    };
  }
}
