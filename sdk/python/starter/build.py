"""Builds the connector: `.venv/bin/python build.py` makes build/NAME.wasm of src/app.py.

componentize-py runs `app` once, keeps its memory, and puts the contract's face on it. What the
connector asks for (connector.json) goes into the component beside it, so that whoever lets it in
can read it before anything of it runs.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import sysconfig

SECTION = b"lockstep-manifest"
"""Where a component says what it asks for."""


def main() -> None:
    given = arguments()
    manifest = (given.project / "connector.json").read_bytes()
    made = given.out / (json.loads(manifest)["name"].replace("-", "_") + ".wasm")
    partial = made.with_suffix(".partial")
    made.parent.mkdir(parents=True, exist_ok=True)
    program = pathlib.Path(sysconfig.get_path("scripts")) / "componentize-py"
    command = [program, "--quiet", "-d", given.wit, "-w", "connector-world", "componentize"]
    command += ["-p", given.project / "src", "-p", given.sdk, "-o", partial, "app"]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    built = subprocess.run(list(map(str, command)), check=False, env=environment)
    if built.returncode != 0:
        sys.exit(built.returncode)
    with partial.open("ab") as component:
        component.write(custom_section(SECTION, manifest))
    partial.rename(made)
    print(f"{made}: {made.stat().st_size // 1024} KiB")


def arguments() -> argparse.Namespace:
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Builds the connector.")
    parser.add_argument("--project", type=pathlib.Path, default=here, help="where connector.json and src are")
    parser.add_argument("--sdk", type=pathlib.Path, default=here / "sdk")
    parser.add_argument("--wit", type=pathlib.Path, default=here / "wit" / "v0.1.0")
    parser.add_argument("--out", type=pathlib.Path, default=here / "build")
    return parser.parse_args()


def custom_section(name: bytes, content: bytes) -> bytes:
    """A section that WebAssembly passes over: zero, its size, its name, what is in it."""
    body = leb128(len(name)) + name + content
    return b"\x00" + leb128(len(body)) + body


def leb128(number: int) -> bytes:
    """A number as WebAssembly writes it: seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


if __name__ == "__main__":
    main()
