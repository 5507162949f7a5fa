//! Makes the component: TypeScript bundled into one module, that module put together with a JavaScript engine under the
//! contract, and what the connector asks for (connector.json) written into the component, where it can be read before
//! anything of it runs.

import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What a connector in JavaScript imports of the contract. The engine adds clocks and random bytes by itself. */
const CONNECTOR = `package lockstep:javascript;

world javascript-connector {
  import lockstep:connector/host@0.1.0;
  import lockstep:connector/credentials@0.1.0;
  import wasi:http/types@0.2.12;
  import wasi:http/outgoing-handler@0.2.12;
  export lockstep:connector/connector@0.1.0;
}
`;

/** Code for one field or one rule imports nothing of the contract but its types. */
const CODE = (interfaceName) => `package lockstep:javascript;

world javascript-code {
  export lockstep:connector/${interfaceName}@0.1.0;
}
`;

/**
 * `tools`: `componentize` of componentize-js and `build` of esbuild, which are the project's own. `paths`: the module that
 * exports `connector`, the manifest, the folder of the contract, and the component to make.
 */
export async function makeComponent(tools, { entry, manifest, contract, out }) {
  const asked = readFileSync(manifest);
  // A manifest that is no JSON would only be refused when somebody loads the component.
  JSON.parse(asked.toString("utf8"));
  const face = { world: CONNECTOR, worldName: "javascript-connector", disableFeatures: ["fetch-event"] };
  const component = await assemble(tools, { entry, contract, out }, face);
  write(out, Buffer.concat([component, section("lockstep-manifest", asked)]));
}

/**
 * The same for code: `kind` is `transform` or `policy`, and the module exports something of that name. The engine's HTTP
 * is left out: a component that imports it is refused, used or not.
 */
export async function makeCode(tools, { kind, entry, contract, out }) {
  const face = { world: CODE(kind), worldName: "javascript-code", disableFeatures: ["http", "fetch-event"] };
  write(out, await assemble(tools, { entry, contract, out }, face));
}

async function assemble({ componentize, build }, { entry, contract, out }, { world, worldName, disableFeatures }) {
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
  const witPath = placed(join(folder, "wit"), contract, world);
  const { component } = await componentize({ sourcePath: bundle, witPath, worldName, disableFeatures });
  return component;
}

/** Whole or not at all: a running Lockstep may look at the file at any moment. */
function write(out, component) {
  writeFileSync(`${out}.partial`, component);
  renameSync(`${out}.partial`, out);
  console.log(`made ${out}: ${(component.length / 1e6).toFixed(1)} MB`);
}

/** A folder with that world and the contract as what it depends on. */
function placed(folder, contract, world) {
  const own = join(folder, "deps", "lockstep-connector");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(join(contract, "deps"), join(folder, "deps"), { recursive: true });
  mkdirSync(own);
  for (const file of ["connector.wit", "code.wit"]) cpSync(join(contract, file), join(own, file));
  writeFileSync(join(folder, "world.wit"), world);
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
