import { defineConfig } from "vitest/config";

// Units without a browser; the page as a whole is tested in one by tests/e2e.
export default defineConfig({ test: { include: ["src/**/*.test.ts"], environment: "node" } });
