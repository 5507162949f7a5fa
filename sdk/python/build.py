"""Builds the connector: `.venv/bin/python build.py` makes build/NAME.wasm of src/app.py.

componentize-py runs `app` once, keeps its memory, and puts the contract's face on it. What the
connector asks for (connector.json) goes into the component beside it, so that whoever lets it in
can read it before anything of it runs.
"""

import json
import pathlib
import subprocess
import sys
import sysconfig

HERE = pathlib.Path(__file__).resolve().parent
SECTION = b"lockstep-manifest"


def main() -> None:
    manifest = (HERE / "connector.json").read_bytes()
    made = HERE / "build" / (json.loads(manifest)["name"].replace("-", "_") + ".wasm")
    made.parent.mkdir(exist_ok=True)
    program = pathlib.Path(sysconfig.get_path("scripts")) / "componentize-py"
    command = [program, "--quiet", "-d", HERE / "wit" / "v0.1.0", "-w", "connector-world", "componentize"]
    command += ["-p", HERE / "src", "-p", HERE / "sdk", "-o", made, "app"]
    status = subprocess.run(list(map(str, command)), check=False, env={"PYTHONDONTWRITEBYTECODE": "1"}).returncode
    if status != 0:
        sys.exit(status)
    with made.open("ab") as component:
        component.write(custom_section(SECTION, manifest))
    print(f"{made.relative_to(HERE)}: {made.stat().st_size // 1024} KiB")


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
