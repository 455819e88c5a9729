// Follow a running `rtpose webcam` (or `video --view`, `demo`) and print a wrist.
//
//     node socket_client.mjs [ws://127.0.0.1:8765/socket?format=json] [FRAMES]
//
// Node 22 has WebSocket; Node 20 needs --experimental-websocket.
const [url = "ws://127.0.0.1:8765/socket?format=json", frames = "0"] = process.argv.slice(2);
let left = Number(frames);
let wrist = 0;
const socket = new WebSocket(url);

socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message.type === "hello") wrist = message.joints.indexOf("right_wrist");
  if (!message.persons) return;
  for (const { track_id: id, joints, root } of message.persons) {
    const place = root.map((metres, axis) => (joints[wrist][axis] + metres).toFixed(3)); // camera space
    console.log(message.frame_id, id, ...place);
  }
  // The server keeps one slot for each client: acknowledge a frame to get the newest one.
  socket.send(JSON.stringify({ ack: message.frame_id, source: message.source }));
  left -= 1;
  if (left === 0) socket.close();
};
