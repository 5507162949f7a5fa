"""Builds the connector: `.venv/bin/python build.py` makes build/NAME.wasm of src.

zig (from PyPI, as `ziglang`) compiles and brings the C library; `wasm-component-ld`, which comes
with Rust's toolchain, links and puts the contract's face on it. What the connector asks for
(connector.json) goes into the component beside it, so that whoever lets it in can read it before
anything of it runs.
"""

import argparse
import json
import pathlib
import shlex
import subprocess
import sys

SECTION = b"lockstep-manifest"
"""Where a component says what it asks for."""

ZIG = [sys.executable, "-m", "ziglang"]
TARGET = ["-target", "wasm32-wasi", "-mexec-model=reactor"]
FLAGS = ["-std=c11", "-Os", "-Wall", "-Wextra", "-Werror"]
# What a linker for components says otherwise, or by itself.
NOT_PASSED_ON = {"-s", "--build-id=none"}


def main() -> None:
    given = arguments()
    manifest = (given.project / "connector.json").read_bytes()
    made = given.out / (json.loads(manifest)["name"].replace("-", "_") + ".wasm")
    partial = made.with_suffix(".partial")
    made.parent.mkdir(parents=True, exist_ok=True)
    sources = sorted((given.project / "src").rglob("*.c")) + sorted(given.sdk.rglob("*.c"))
    objects = [compiled(source, given, number) for number, source in enumerate(sources)]
    run([*component_linker(), *linker_arguments(objects, given.out / "core.wasm"), "-o", partial])
    with partial.open("ab") as component:
        component.write(custom_section(SECTION, manifest))
    partial.rename(made)
    print(f"{made}: {made.stat().st_size // 1024} KiB")


def arguments() -> argparse.Namespace:
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Builds the connector.")
    parser.add_argument("--project", type=pathlib.Path, default=here, help="where connector.json and src are")
    parser.add_argument("--sdk", type=pathlib.Path, default=here / "sdk")
    parser.add_argument("--out", type=pathlib.Path, default=here / "build")
    return parser.parse_args()


def compiled(source: pathlib.Path, given: argparse.Namespace, number: int) -> pathlib.Path:
    made = given.out / f"{number}-{source.stem}.o"
    # What is generated is not ours to tidy up.
    flags = ["-Os"] if source.parent.name == "generated" else FLAGS
    run([*ZIG, "cc", *TARGET, *flags, "-I", given.sdk, "-c", source, "-o", made])
    return made


def linker_arguments(objects: list[pathlib.Path], core: pathlib.Path) -> list[str]:
    """What zig gives its own linker, which makes no components: the objects, its C library and
    what the compiler asks of one."""
    command = [*ZIG, "cc", *TARGET, "-Os", *objects, "-o", core, "--verbose"]
    said = run(command, stderr=subprocess.PIPE).stderr.splitlines()
    lines = [line for line in said if line.startswith("wasm-ld ")]
    if len(lines) != 1:
        sys.exit("zig does not say how it links: look at its version")
    told = shlex.split(lines[0])[1:]
    output = told.index("-o")
    return [one for at, one in enumerate(told) if at not in (output, output + 1) and one not in NOT_PASSED_ON]


def component_linker() -> list[str]:
    try:
        root = pathlib.Path(run(["rustc", "--print", "sysroot"], stdout=subprocess.PIPE).stdout.strip())
    except FileNotFoundError:
        sys.exit("wasm-component-ld comes with Rust's toolchain: install that, such as by rustup")
    for folder in sorted(root.glob("lib/rustlib/*/bin")):
        linker, wasm_ld = folder / "wasm-component-ld", folder / "gcc-ld" / "wasm-ld"
        if linker.is_file() and wasm_ld.is_file():
            return [str(linker), "--wasm-ld-path", str(wasm_ld)]
    sys.exit(f"there is no wasm-component-ld in {root}: a toolchain of rustup's has it")


def run(command: list[object], **options: object) -> subprocess.CompletedProcess:
    done = subprocess.run([str(part) for part in command], check=False, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{done.stderr or ''}failed: {shlex.join(map(str, command))}")
    return done


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
