//! Makes the component: TypeScript bundled into one module, that module put together with a JavaScript engine under the
//! contract, and what the connector asks for (connector.json) written into the component, where it can be read before
//! anything of it runs.

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What a connector in JavaScript imports of the contract. The engine adds clocks and random bytes by itself. */
const WORLD = `package lockstep:javascript;

world javascript-connector {
  import lockstep:connector/host@0.1.0;
  import lockstep:connector/credentials@0.1.0;
  import wasi:http/types@0.2.12;
  import wasi:http/outgoing-handler@0.2.12;
  export lockstep:connector/connector@0.1.0;
}
`;

/**
 * `tools`: `componentize` of componentize-js and `build` of esbuild, which are the project's own. `paths`: the module that
 * exports `connector`, the manifest, the folder of the contract, and the component to make.
 */
export async function makeComponent({ componentize, build }, { entry, manifest, contract, out }) {
  const asked = readFileSync(manifest);
  // A manifest that is no JSON would only be refused when somebody loads the component.
  JSON.parse(asked.toString("utf8"));
  const folder = dirname(out);
  const bundle = join(folder, "bundle.js");
  await build({
    entryPoints: [entry],
    outfile: bundle,
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    external: ["lockstep:*", "wasi:*"],
    logLevel: "warning",
  });
  const { component } = await componentize({
    sourcePath: bundle,
    witPath: world(join(folder, "wit"), contract),
    worldName: "javascript-connector",
    disableFeatures: ["fetch-event"],
  });
  writeFileSync(out, Buffer.concat([component, section("lockstep-manifest", asked)]));
  console.log(`made ${out}: ${(component.length / 1e6).toFixed(1)} MB`);
}

/** A folder with the world above and the contract as what it depends on. */
function world(folder, contract) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(join(contract, "deps"), join(folder, "deps"), { recursive: true });
  cpSync(join(contract, "connector.wit"), join(folder, "deps", "connector.wit"));
  writeFileSync(join(folder, "world.wit"), WORLD);
  return folder;
}

/** A custom section: begins with 0, then its length, the length of its name, its name, and what it holds. */
function section(name, content) {
  const named = Buffer.concat([leb128(Buffer.byteLength(name)), Buffer.from(name), content]);
  return Buffer.concat([Buffer.from([0]), leb128(named.length), named]);
}

/** A number as WebAssembly writes lengths. */
function leb128(number) {
  const bytes = [];
  do {
    bytes.push((number & 0x7f) | (number > 0x7f ? 0x80 : 0));
    number >>>= 7;
  } while (number > 0);
  return Buffer.from(bytes);
}
