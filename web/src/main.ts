// Assembles the page.
import { makeActions, makeShortcuts } from "./actions";
import { Display } from "./display";
import { element } from "./dom";
import { socketUrl } from "./net/server-address";
import { PROTOCOL_VERSION } from "./net/protocol.generated";
import { CameraButton } from "./panels/camera-button";
import { connectFiles } from "./panels/files";
import { LatencyHistogram } from "./panels/histogram";
import { coveredEdges, onLayoutChange } from "./panels/layout";
import { Pictures } from "./panels/pictures";
import { Player } from "./panels/player";
import { connectShortcuts } from "./panels/shortcuts";
import { StateCard } from "./panels/state-card";
import { connectActions, connectTools, showView } from "./panels/tools";
import { Labels } from "./scene/labels";
import { PeopleView } from "./scene/people-view";
import { Stage } from "./scene/stage";
import { Session } from "./session";
import { Settings } from "./settings";
import { connectTheme } from "./theme";

const STATS_EVERY_MS = 400;

function start(stage: Stage, card: StateCard): void {
  document.body.dataset["protocol"] = String(PROTOCOL_VERSION);
  const settings = new Settings();
  const labels = new Labels(element("labels"), stage);
  const view = new PeopleView(stage, labels);
  const pictures = new Pictures();
  const histogram = new LatencyHistogram();
  const display = new Display(settings, view, pictures);
  const camera = new CameraButton(socketUrl("camera"), (on) => (card.cameraOn = on));
  const player = new Player(settings, (index) => session.showFrame(index), () => stage.draw());
  const session = new Session({ display, player, card, camera });

  stage.addUpdater(() => player.update());
  stage.onDrawn = () => session.acknowledge();
  stage.onView = showView;
  onLayoutChange(() => view.layoutChanged());
  setInterval(() => {
    const stages = session.refreshStats();
    if (stages && settings.get("figures")) histogram.show(stages);
  }, STATS_EVERY_MS);

  connectTools(settings, (name) => view.look(name));
  settings.on("follow", (on) => (view.follow = on));
  settings.on("trails", (on) => (view.trails = on));
  settings.on("scale", (on) => (view.scaleShown = on));
  settings.on("style", (style) => (view.style = style));
  settings.on("mirror", (on) => element("pictures").classList.toggle("mirrored", on));
  settings.on("names", (on) => {
    labels.all = on;
    stage.draw();
  });
  connectTheme(settings, (palette) => {
    stage.paint(palette);
    view.paint(palette);
    pictures.draw();
    player.draw();
  });

  const parts = { settings, stage, labels, view, display, player, session };
  const actions = makeActions(parts);
  connectActions(actions);
  connectShortcuts(makeShortcuts(parts, actions));
  connectFiles(element<HTMLInputElement>("file"), (file) => void session.openFile(file));
  session.connect();
}

const card = new StateCard();
let stage: Stage | null = null;
try {
  stage = new Stage(element<HTMLCanvasElement>("stage"), coveredEdges);
} catch {
  card.show("refused", "This browser cannot draw in 3D: WebGL is disabled or missing.");
}
if (stage) start(stage, card);
