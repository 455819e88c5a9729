// The picture panel: one picture with its 2D joints for each source.
import type { PictureMessage } from "../net/decode";
import { Overlay } from "./overlay";
import type { Person2D } from "../pose";
import type { Skeleton } from "../skeleton";
import type { VideoPicture } from "../recording/recording-video";
import { element, shortName } from "../dom";

export class Pictures {
  /** Called after a picture was drawn. */
  onPicture: () => void = () => {};
  private overlays: Overlay[] = [];

  /** Start again. sources: name, and width and height of the pictures that the joints' pixels belong to. */
  reset(skeleton: Skeleton, sources: readonly { name: string; size: readonly [number, number] }[]): void {
    const box = element("pictures");
    for (const overlay of this.overlays) overlay.close();
    const several = sources.length > 1;
    element("picture").classList.toggle("several", several);
    this.overlays = [];
    box.replaceChildren();
    sources.forEach(({ name, size }, i) => {
      const figure = document.createElement("figure");
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      canvas.ariaLabel = `Picture of ${shortName(name)} with the detected joints`;
      figure.append(canvas);
      if (several) {
        const caption = document.createElement("figcaption");
        caption.textContent = `${i + 1} · ${shortName(name)}`;
        figure.append(caption);
      }
      box.append(figure);
      const overlay = new Overlay(canvas, skeleton, size);
      overlay.onPicture = () => this.onPicture();
      // The first picture's aspect decides the width of the panel.
      overlay.onAspect = (aspect) => i === 0 && element("picture").style.setProperty("--aspect", String(aspect));
      this.overlays.push(overlay);
    });
  }

  showPicture({ source, jpeg, people }: PictureMessage): void {
    void this.overlays[source]?.showPicture(jpeg, people);
  }

  /** The picture that a video shows now, and its joints. */
  showVideo(source: number, video: VideoPicture, people: readonly Person2D[]): void {
    this.overlays[source]?.showVideo(video, people);
  }

  /** Joints without a picture. */
  showPeople(source: number, people: readonly Person2D[]): void {
    this.overlays[source]?.showPeople(people);
  }

  /** Draw again, for other colours. */
  draw(): void {
    for (const overlay of this.overlays) overlay.draw();
  }
}
