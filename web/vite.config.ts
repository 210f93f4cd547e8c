// Builds the live page into dist/web: one script, one style sheet, one icon, all of them files of their own, so that the
// page runs under a policy that allows nothing inline and nothing from elsewhere.
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  // The engine serves the page at "/" and everything else of it below "/assets/".
  base: "/",
  publicDir: false,
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    // The licences of what is bundled go with it.
    license: { fileName: "assets/licenses.md" },
  },
});
