// After `next build`: moves inline scripts of the exported pages into files, because the page's policy allows none, and
// fails if the first load has grown beyond its budget. Usage: node scripts/finish.mjs [FOLDER]
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const OUT = process.argv[2] ?? "out";
const STATIC = "_next/static";
const BUDGET_BYTES = 250_000;
const INLINE = /<script(?:\s+id="[^"]*")?>(.*?)<\/script>/gs;

/** The page without inline scripts. They run in the same order, at the place of the first of each row. */
function withoutInline(html) {
  const rows = /(?:<script(?:\s+id="[^"]*")?>.*?<\/script>)+/gs;
  return html.replace(rows, (row) => `<script src="/${written([...row.matchAll(INLINE)].map(([, code]) => code).join(";\n"))}"></script>`);
}

/** The path of a file with this code, named by it: it may be cached for ever. */
function written(code) {
  const path = `${STATIC}/start-${createHash("sha256").update(code).digest("hex").slice(0, 16)}.js`;
  writeFileSync(join(OUT, path), code);
  return path;
}

/** What a browser fetches before anything works: gzipped bytes of all scripts that the page names. */
function firstLoadBytes(html) {
  const scripts = new Set([...html.matchAll(/<script[^>]*\ssrc="\/([^"?]+)"(?![^>]*nomodule)/gi)].map(([, path]) => path));
  return [...scripts].reduce((sum, path) => sum + gzipSync(readFileSync(join(OUT, path))).length, 0);
}

for (const name of readdirSync(OUT).filter((name) => name.endsWith(".html"))) {
  const path = join(OUT, name);
  writeFileSync(path, withoutInline(readFileSync(path, "utf8")));
}

const bytes = firstLoadBytes(readFileSync(join(OUT, "index.html"), "utf8"));
console.log(`First load: ${(bytes / 1000).toFixed(1)} kB of gzipped script (at most ${BUDGET_BYTES / 1000} kB).`);
if (bytes > BUDGET_BYTES) process.exit(1);
