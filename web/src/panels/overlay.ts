// The picture with the 2D joints over it; the joints alone where there is no picture.
import { context2D, fitCanvas } from "../device";
import { LEAST_CONFIDENCE, personColor, SEEN_SCORE, type Person2D } from "../pose";
import type { VideoPicture } from "../recording/recording-video";
import type { Skeleton } from "../skeleton";

export class Overlay {
  private readonly context: CanvasRenderingContext2D;
  private picture: ImageBitmap | VideoPicture | null = null;
  private people: readonly Person2D[] = [];
  private decoding = false;
  private closed = false;
  private next: { jpeg: Blob; people: Person2D[] } | null = null;
  private readonly sizes = new ResizeObserver(() => this.draw());
  /** Called after a picture was drawn. */
  onPicture: () => void = () => {};
  private tellAspect: (aspect: number) => void = () => {};

  /** size: width and height of the picture that the joints' pixels belong to; 0 while that is not known. */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly skeleton: Skeleton,
    private size: readonly [number, number],
  ) {
    this.context = context2D(canvas);
    this.setSize(size);
    this.sizes.observe(canvas);
  }

  /** Called with width / height, now and when it changes. */
  set onAspect(tell: (aspect: number) => void) {
    this.tellAspect = tell;
    this.setSize(this.size);
  }

  /** Stop drawing. */
  close(): void {
    this.closed = true;
    this.next = null;
    this.sizes.disconnect();
    this.drop();
    this.picture = null;
  }

  private drop(): void {
    if (this.picture && "close" in this.picture) this.picture.close();
  }

  /** The picture that a video shows now, and its joints. */
  showVideo(video: VideoPicture, people: readonly Person2D[]): void {
    this.drop();
    this.picture = video;
    this.people = people;
    if (this.size[0] === 0) {
      this.setSize("videoWidth" in video ? [video.videoWidth, video.videoHeight] : [video.displayWidth, video.displayHeight]);
    }
    this.draw();
    this.onPicture();
  }

  /** Joints without a picture. */
  showPeople(people: readonly Person2D[]): void {
    this.people = people;
    this.draw();
  }

  /** A picture and its joints; while one is being decoded, only the newest waits. */
  async showPicture(jpeg: Blob, people: Person2D[]): Promise<void> {
    this.next = { jpeg, people };
    if (this.decoding) return;
    this.decoding = true;
    while (this.next) {
      const { jpeg, people }: { jpeg: Blob; people: Person2D[] } = this.next;
      this.next = null;
      // A damaged picture is skipped.
      const picture = await createImageBitmap(jpeg).catch(() => null);
      if (!picture) continue;
      if (this.closed) return picture.close();
      this.drop();
      this.picture = picture;
      this.people = people;
      if (this.size[0] === 0) this.setSize([picture.width, picture.height]);
      this.draw();
      this.onPicture();
      await new Promise(requestAnimationFrame); // no more pictures than the screen shows
      if (this.closed) return;
    }
    this.decoding = false;
  }

  private setSize(size: readonly [number, number]): void {
    this.size = size;
    if (!(size[0] > 0 && size[1] > 0)) return;
    this.canvas.style.aspectRatio = `${size[0]} / ${size[1]}`;
    this.tellAspect(size[0] / size[1]);
  }

  draw(): void {
    const { canvas, context } = this;
    const fitted = fitCanvas(canvas);
    if (!fitted) return;
    const { width, height, ratio } = fitted;
    if (this.picture) {
      context.drawImage(this.picture, 0, 0, width, height);
      context.fillStyle = "rgb(6 9 16 / 0.22)"; // the joints must be seen on a bright picture, too
      context.fillRect(0, 0, width, height);
    } else {
      context.fillStyle = getComputedStyle(canvas).backgroundColor;
      context.fillRect(0, 0, width, height);
    }
    const scale = width / Math.max(1, this.size[0]);
    for (const person of this.people) this.drawPerson(person, scale, ratio);
  }

  private drawPerson(person: Person2D, scale: number, ratio: number): void {
    const { context, skeleton } = this;
    const { keypoints } = person;
    const score = (joint: number): number => keypoints[3 * joint + 2]!;
    const known = (joint: number): boolean =>
      score(joint) >= LEAST_CONFIDENCE && Number.isFinite(keypoints[3 * joint]! + keypoints[3 * joint + 1]!);
    const faintness = (sure: number): number => (sure < SEEN_SCORE ? 0.35 : 1);

    context.lineCap = "round";
    context.lineWidth = 2.4 * ratio;
    context.strokeStyle = personColor(person);
    for (const [child, parent] of skeleton.bones) {
      if (!known(child) || !known(parent)) continue;
      context.globalAlpha = faintness(Math.min(score(child), score(parent)));
      context.beginPath();
      context.moveTo(keypoints[3 * child]! * scale, keypoints[3 * child + 1]! * scale);
      context.lineTo(keypoints[3 * parent]! * scale, keypoints[3 * parent + 1]! * scale);
      context.stroke();
    }
    for (let joint = 0; joint < skeleton.joints.length; joint++) {
      if (!known(joint)) continue;
      context.globalAlpha = faintness(score(joint));
      context.fillStyle = skeleton.colors[joint]!;
      context.beginPath();
      context.arc(keypoints[3 * joint]! * scale, keypoints[3 * joint + 1]! * scale, 2.7 * ratio, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
  }
}
