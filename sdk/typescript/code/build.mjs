//! `npm run build`: the component, in dist.

import { componentize } from "@bytecodealliance/componentize-js";
import { build } from "esbuild";

import { makeCode } from "./sdk/component.mjs";

await makeCode(
  { componentize, build },
  { kind: "{{world}}", entry: "src/index.ts", contract: "wit/v0.1.0", out: "dist/{{crate}}.wasm" },
);
