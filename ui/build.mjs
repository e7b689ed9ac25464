/* Bundles `src` into one file, handler/page/index.html, which travels in every archive; `node build.mjs FILE` writes elsewhere. */

import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";

const here = (name) => new URL(name, import.meta.url).pathname;
const options = { bundle: true, minify: true, write: false, target: "es2022", legalComments: "none" };

async function bundled(entry, more = {}) {
  const built = await build({ ...options, ...more, entryPoints: [here(entry)] });
  return built.outputFiles[0].text.trim();
}

const [template, style, script] = await Promise.all([
  readFile(here("src/index.html"), "utf8"),
  bundled("src/style.css"),
  bundled("src/main.tsx", { format: "iife", jsx: "automatic", jsxImportSource: "preact" }),
]);
const page = template.replace("/*style*/", () => style).replace("/*script*/", () => script);
await writeFile(process.argv[2] ?? here("../handler/page/index.html"), page);
