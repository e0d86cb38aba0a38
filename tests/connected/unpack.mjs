// Unpacks the headless Chromium that comes in an npm package, with the libraries it needs, into node_modules/.chromium.
// It is built for Linux on x86-64; elsewhere the tests need the environment variable CHROMIUM.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";

const packed = new URL("node_modules/@sparticuz/chromium/bin/", import.meta.url);
const folder = new URL("node_modules/.chromium/", import.meta.url);
const unpacked = (name) => brotliDecompressSync(readFileSync(new URL(name, packed)));

if (`${process.platform} ${process.arch}` === "linux x64") {
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL("chromium", folder), unpacked("chromium.br"), { mode: 0o755 });
  for (const name of ["al2023", "fonts"]) {
    execFileSync("tar", ["-xf", "-", "-C", folder.pathname], { input: unpacked(`${name}.tar.br`) });
  }
}
