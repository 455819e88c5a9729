// The video that a recording was made of. It is the clock: a frame of poses is shown when its picture is, never before.

/** A picture of a video: where the browser can, the very frame, which knows its time. */
export type VideoPicture = HTMLVideoElement | VideoFrame;

export class RecordingVideo {
  private readonly video = document.createElement("video");
  private readonly url: string;
  private closed = false;

  /** show: called with each picture that is shown, and its time, seconds. fail: called if it cannot be played. */
  constructor(content: Blob, show: (picture: VideoPicture, timeS: number) => void, fail: () => void) {
    this.url = URL.createObjectURL(content);
    this.video.muted = this.video.playsInline = true;
    this.video.preload = "auto";
    this.video.onerror = () => !this.closed && fail();
    const wait = (): void => {
      this.video.requestVideoFrameCallback((_, { mediaTime }) => {
        if (this.closed) return;
        // By now the video may show a later frame than the one that this call is for.
        const frame = "VideoFrame" in window ? new VideoFrame(this.video) : null;
        if (frame) show(frame, frame.timestamp / 1e6);
        else show(this.video, mediaTime);
        wait();
      });
    };
    wait();
    this.video.src = this.url;
  }

  /** Follow the timeline: playing at a speed, or standing at a time, seconds. */
  follow(playing: boolean, speed: number, timeS: number): void {
    const { video } = this;
    video.playbackRate = speed;
    if (!playing) video.pause();
    const wantedS = timeS + INTO_S;
    if (Math.abs(video.currentTime - wantedS) > (playing ? AWAY_S : INTO_S / 2)) video.currentTime = wantedS;
    if (playing && video.paused) void video.play().catch(() => {});
  }

  close(): void {
    this.closed = true;
    this.video.removeAttribute("src");
    URL.revokeObjectURL(this.url);
  }
}

/** While playing, the video is put right only if it is off by more than this. */
const AWAY_S = 0.25;
/** Behind a frame's beginning, where it is surely the one that is shown. */
const INTO_S = 0.004;
