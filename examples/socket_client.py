"""Follow a running `rtpose webcam` (or `video --view`, `demo`) and print a wrist.

    python socket_client.py [ws://127.0.0.1:8765/socket?format=json] [FRAMES]

The server keeps one slot for each client: acknowledge a frame to get the newest one.
"""

import json
import sys

from websockets.sync.client import connect


def main(url: str = "ws://127.0.0.1:8765/socket?format=json", frames: str = "0") -> None:
    left = int(frames)
    wrist = 0
    with connect(url) as socket:
        for text in socket:
            message = json.loads(text)
            if message.get("type") == "hello":
                wrist = message["joints"].index("right_wrist")
            if "persons" not in message:
                continue
            for person in message["persons"]:
                place = [a + b for a, b in zip(person["joints"][wrist][:3], person["root"], strict=True)]
                print(message["frame_id"], person["track_id"], *(f"{metres:.3f}" for metres in place), flush=True)
            socket.send(json.dumps({"ack": message["frame_id"], "source": message["source"]}))
            left -= 1
            if left == 0:
                return


if __name__ == "__main__":
    main(*sys.argv[1:3])
