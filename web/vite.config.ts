import { defineConfig } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

// One self-contained file, so that the page needs no network and the server has one thing to serve.
export default defineConfig({
  plugins: [viteSingleFile()],
  build: {
    outDir: "../rtpose/server/static",
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 2000,
  },
  // `npm run dev` shows the page of a running `rtpose webcam` while it is worked on.
  server: {
    proxy: {
      "/socket": { target: "ws://127.0.0.1:8765", ws: true },
      "/camera": { target: "ws://127.0.0.1:8765", ws: true },
      "/recording.npz": { target: "http://127.0.0.1:8765" },
    },
  },
});
