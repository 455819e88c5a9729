// The buttons of this device's camera.
import { element } from "../dom";
import { CameraSender } from "../net/camera-sender";
import "./camera.css";

export class CameraButton {
  private readonly box = element("camera");
  private readonly camera: CameraSender;
  private offered = false;

  /** url: of the socket that takes pictures. onSwitch: called with whether the camera is on. */
  constructor(url: URL, onSwitch: (on: boolean) => void) {
    const [toggle, turn] = [element("camera-toggle"), element("camera-turn")];
    this.camera = new CameraSender(url, (on, text) => {
      document.body.dataset["camera"] = on ? "on" : "off";
      toggle.textContent = on ? "Stop this camera" : "Use this camera";
      turn.hidden = !(on && this.camera.several);
      element("camera-text").textContent = text;
      this.show();
      onSwitch(on);
    });
    toggle.addEventListener("click", () => (this.camera.on ? this.camera.stop("") : void this.camera.start()));
    turn.addEventListener("click", () => void this.camera.turn());
  }

  /** Whether the server takes a camera. One that is on stays on, and its button stays, until the user stops it. */
  offer(offered: boolean): void {
    this.offered = offered;
    this.show();
  }

  private show(): void {
    this.box.hidden = !(this.offered || this.camera.on);
  }
}
