// Sends a video to the server in parts: each when the one before has been stored.
import { MAX_CHUNK_BYTES, MAX_VIDEO_BYTES, type Taken } from "./protocol.generated";
import { socketUrl } from "./server-address";

/** Errors: an Error that says why the server did not take it. progress: called with the share that was sent. */
export async function uploadVideo(video: File, progress: (share: number) => void): Promise<void> {
  if (video.size > MAX_VIDEO_BYTES) {
    throw new Error(`it has more than ${MAX_VIDEO_BYTES / 2 ** 20} MiB; run rtpose video on it instead`);
  }
  if (video.size === 0) throw new Error("it is empty");
  const url = socketUrl("upload");
  url.searchParams.set("size", String(video.size));
  url.searchParams.set("name", video.name);
  const socket = new WebSocket(url);
  let sent = 0;
  await new Promise<void>((done, failed) => {
    socket.onmessage = async (event: MessageEvent<string>) => {
      if ((JSON.parse(event.data) as Taken).type !== "taken" || sent >= video.size) return;
      const part = video.slice(sent, sent + MAX_CHUNK_BYTES);
      sent += part.size;
      try {
        socket.send(await part.arrayBuffer());
        progress(sent / video.size);
      } catch (error) {
        failed(error as Error);
        socket.close();
      }
    };
    socket.onclose = ({ code, reason }) => {
      if (code === 1000 && sent >= video.size) done();
      else failed(new Error(reason || "the connection was lost"));
    };
  });
}
