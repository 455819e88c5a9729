// What is on the page now: whose poses, from which sources, and whom the camera and the angles follow.
import { element, shortName } from "./dom";
import type { PictureMessage } from "./net/decode";
import { AnglePanel } from "./panels/angle-panel";
import type { AngleWindow } from "./panels/angle-source";
import { showPeople } from "./panels/people-list";
import type { Pictures } from "./panels/pictures";
import { showSource } from "./panels/stats-panel";
import { isSame, personName, type Person2D, type PoseFrame, type Who } from "./pose";
import type { PeopleView } from "./scene/people-view";
import type { Settings } from "./settings";
import type { VideoPicture } from "./recording/recording-video";
import { makeSkeleton, type Skeleton } from "./skeleton";

/** A camera, video or recording. */
export interface ShownSource {
  name: string;
  /** Width and height of its pictures, px; 0 if not known yet. */
  size: readonly [number, number];
}

/** What the page starts to show. */
export interface Programme {
  mode: "live" | "recording";
  skeleton: Skeleton;
  sources: readonly ShownSource[];
  estimator: string;
  assumptions: readonly string[];
  /** The standing height that sizes rest on, and where it comes from; "" if that is not known. */
  height: string;
  /** The angles around the frame that is shown; null if there are none. */
  anglesOf(who: Who): AngleWindow | null;
}

export const EMPTY: Programme = {
  mode: "live",
  skeleton: makeSkeleton([], [], new Map()),
  sources: [{ name: "", size: [0, 0] }],
  estimator: "",
  assumptions: [],
  height: "",
  anglesOf: () => null,
};

export class Display {
  /** Called with the height of what is shown, see `Programme`. */
  onHeight: (height: string) => void = () => {};
  private readonly anglePanel = new AnglePanel();
  private programme = EMPTY;
  /** Who is in the newest frame of each source. */
  private readonly people = new Map<number, readonly Who[]>();
  /** Whom camera and angles follow; null: all, and the angles of the first. */
  private chosen: Who | null = null;
  /** Frames and pictures drawn since the start of the programme; also in the body's data. */
  private frames = 0;
  private pictureCount = 0;

  constructor(
    private readonly settings: Settings,
    private readonly view: PeopleView,
    private readonly pictures: Pictures,
  ) {
    pictures.onPicture = () => (document.body.dataset["pictures"] = String(++this.pictureCount));
    settings.on("angles", (on) => {
      element("angles").hidden = !on;
      if (on) this.showWho();
    });
  }

  get skeleton(): Skeleton {
    return this.programme.skeleton;
  }

  /** The first source's name, without its folder. */
  get title(): string {
    return shortName(this.programme.sources[0]?.name ?? "");
  }

  /** Facts for people who open a saved file. */
  get about(): Record<string, unknown> {
    const { sources, estimator, assumptions } = this.programme;
    const names = sources.map((source) => source.name);
    return { program: "rtpose", sources: names, estimator, assumptions, units: "metres", axes: "y up" };
  }

  get peopleCount(): number {
    return this.everybody().length;
  }

  get frameCount(): number {
    return this.frames;
  }

  /** Forget what was shown and start a programme. */
  begin(programme: Programme): void {
    this.programme = programme;
    const { mode, skeleton, sources, estimator, assumptions, height } = programme;
    const { dataset } = document.body;
    this.frames = this.pictureCount = 0;
    for (const name of ["frames", "pictures", "persons"]) dataset[name] = "0";
    dataset["latencyMs"] = "";
    dataset["mode"] = mode;
    this.chosen = null;
    this.people.clear();
    const names = sources.map((source) => source.name);
    this.view.reset(skeleton, names.map(shortName));
    this.pictures.reset(skeleton, sources);
    element("picture-title").textContent = mode === "recording" ? "2D joints" : this.several ? "Pictures" : "Picture";
    this.showWho();
    showSource(names, estimator, assumptions);
    this.onHeight(height);
  }

  /** The same programme goes on with other facts. */
  restate({ estimator, assumptions, height }: Pick<Programme, "estimator" | "assumptions" | "height">): void {
    this.programme = { ...this.programme, estimator, assumptions, height };
    showSource(this.programme.sources.map((source) => source.name), estimator, assumptions);
    this.onHeight(height);
  }

  show(frame: PoseFrame): void {
    this.view.show(frame);
    this.people.set(frame.source, frame.people);
    this.showWho();
  }

  showPicture(message: PictureMessage): void {
    this.pictures.showPicture(message);
  }

  showVideo(source: number, video: VideoPicture, people: readonly Person2D[]): void {
    element("picture-title").textContent = "Picture";
    this.pictures.showVideo(source, video, people);
  }

  showPeople2D(source: number, people: readonly Person2D[]): void {
    this.pictures.showPeople(source, people);
  }

  /** A frame is in the picture. Returns how many there were. */
  countFrame(): number {
    document.body.dataset["frames"] = String(++this.frames);
    return this.frames;
  }

  /** Follow the next person; after the last one, everyone. */
  chooseNext(): void {
    const all = this.everybody();
    const at = all.findIndex((one) => this.isChosen(one));
    this.choose(all[at + 1] ?? this.chosen);
  }

  /** Follow a person; everyone, if it is the chosen one or null. */
  private choose(who: Who | null): void {
    this.chosen = who && this.isChosen(who) ? null : who;
    this.view.focus = this.chosen;
    this.showWho();
  }

  private isChosen(who: Who): boolean {
    return this.chosen !== null && isSame(who, this.chosen);
  }

  private get several(): boolean {
    return this.programme.sources.length > 1;
  }

  private everybody(): Who[] {
    return [...this.people.keys()].sort((a, b) => a - b).flatMap((source) => this.people.get(source)!);
  }

  private showWho(): void {
    const all = this.everybody();
    showPeople(all, this.several, this.chosen, (who) => this.choose(who));
    if (!this.settings.get("angles")) return;
    const who = all.find((one) => this.isChosen(one)) ?? all[0];
    this.anglePanel.show(who ? personName(who, this.several) : "", who ? this.programme.anglesOf(who) : null);
  }
}
