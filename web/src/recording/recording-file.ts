// Reads a recording of either format, which is recognised by its content, not its name.
import { readNpzRecording } from "./npz-recording";
import { Recording } from "./recording";
import { readRtposeRecording, RTPOSE_MAGIC } from "./rtpose-recording";

const ZIP_MAGIC = "PK";

/** Throws an Error that says what is wrong with the file. */
export function readRecording(file: ArrayBuffer): Recording {
  const begins = new TextDecoder("latin1").decode(file.slice(0, RTPOSE_MAGIC.length));
  if (begins === RTPOSE_MAGIC) return new Recording(readRtposeRecording(file));
  if (begins.startsWith(ZIP_MAGIC)) return new Recording(readNpzRecording(file));
  throw new Error("it is neither a poses.npz nor an .rtpose file");
}
