//! `npm run build`: the component, in dist.

import { componentize } from "@bytecodealliance/componentize-js";
import { build } from "esbuild";

import { makeComponent } from "../../sdk/typescript/src/component.mjs";

await makeComponent(
  { componentize, build },
  { entry: "src/connector.ts", manifest: "connector.json", contract: "../../wit/v0.1.0", out: "dist/rest.wasm" },
);
