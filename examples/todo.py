#!/usr/bin/env -S scriptlock run
# /// script
# requires-python = ">=3.11"
# dependencies = ["typer>=0.12"]
# ///
"""Keep a list of things to do in a JSON file: add, list, done."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help=__doc__, no_args_is_help=True)
FILE = Path(os.environ.get("TODO_FILE", "todo.json"))


def load() -> list[dict[str, object]]:
    return json.loads(FILE.read_text("utf-8")) if FILE.exists() else []


def save(items: list[dict[str, object]]) -> None:
    FILE.write_text(json.dumps(items, indent=2, ensure_ascii=False), "utf-8")


@app.command()
def add(what: Annotated[list[str], typer.Argument(help="What is to be done.")]) -> None:
    """Add something."""
    items = load()
    items.append({"what": " ".join(what), "done": False})
    save(items)
    typer.secho(f"{len(items)}. {items[-1]['what']}", fg=typer.colors.GREEN)


@app.command("list")
def show() -> None:
    """Show everything."""
    for number, item in enumerate(load(), start=1):
        typer.echo(f"{'x' if item['done'] else ' '} {number}. {item['what']}")


@app.command()
def done(number: Annotated[int, typer.Argument(help="Its number in the list.", min=1)]) -> None:
    """Tick something off."""
    items = load()
    if number > len(items):
        typer.secho(f"there is no number {number}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1)
    items[number - 1]["done"] = True
    save(items)


if __name__ == "__main__":
    app()


# >>> scriptlock >>>
# | # Locked dependencies of this script. Refresh: scriptlock lock
# | [tool.scriptlock]
# | lock-version = 1
# | inputs = "v1:db7732f5029ba5aae44c38546306166f"
# | content = "v1:5be8204ed7389406e4e35bc313dc168c"
# | requires-python = ">=3.11"
# | environments = [
# |   "sys_platform == 'linux' and platform_machine == 'x86_64' and python_version >= '3.11' and python_version < '3.16'",
# |   "sys_platform == 'linux' and platform_machine == 'aarch64' and python_version >= '3.11' and python_version < '3.16'",
# |   "sys_platform == 'darwin' and platform_machine == 'arm64' and python_version >= '3.11' and python_version < '3.16'",
# |   "sys_platform == 'win32' and platform_machine == 'AMD64' and python_version >= '3.11' and python_version < '3.16'",
# | ]
# |
# | [tool.scriptlock.pins]
# | annotated-doc = "0.0.6"
# | annotated-types = "0.8.0"
# | colorama = { version = "0.4.6", marker = "sys_platform == 'win32'" }
# | markdown-it-py = "4.3.0"
# | mdurl = "0.1.2"
# | pydantic = "2.14.3"
# | pydantic-core = "2.50.4"
# | pygments = "2.21.0"
# | rich = "15.0.0"
# | shellingham = "1.5.4"
# | typer = "0.29.1"
# | typing-extensions = "4.16.0"
# | typing-inspection = "0.4.5"
# |
# | [tool.scriptlock.hashes]
# | annotated-doc = [
# | "sha256:361ca0950cc7082f53fa69e9328409f40a62c61e57e0a47e1825a08078a58a53",
# | ]
# | annotated-types = [
# | "sha256:f072f4d804ea359e4eaf198b1af7a8b0943881a87f31bb764f8bf219bb9419e0",
# | ]
# | colorama = [
# | "sha256:4f1d9991f5acc0ca119f9d443620b77f9d6b33703e51011c16baf57afb285fc6",
# | ]
# | markdown-it-py = [
# | "sha256:7aa1511a46c39138de78d9eba92ce47e63124d8003fc98b3a351909e04239efa",
# | ]
# | mdurl = [
# | "sha256:84008a41e51615a49fc9966191ff91509e3c40b939176e643fd50a5c2196b8f8",
# | ]
# | pydantic = [
# | "sha256:3f7b347782ab7e4cf4c798496ae3a82787d9f21ec12676a9c564355eeef8daa8",
# | ]
# | pydantic-core = [
# | "sha256:0574866e05f6adeecc520d87e87dd06210c0a51706341f6ef8421572f5a64444",
# | "sha256:1239daaf063e62213ca1f34d96663900bd7510c42a786e843fd328af70e46445",
# | "sha256:15bece43a02ad543c621c8305e67dedb5f27d378c5ba741e5a2c36523f8ef37f",
# | "sha256:16902a147b3da4840612164a5e67947104d63e978f7a57c395877a5e26690b9c",
# | "sha256:1e20cbde2b6deb33a51d08cd168454dd9044ec7d4474056f4d98d63f51578783",
# | "sha256:26cb012c4b8ca9f847bd0ac15978bd3d0f55b050bfbe6c47355edfc7e945029b",
# | "sha256:30d4dc35bc0eea52202a90b3820445ee0072c820241bfa710a623a078c9b267b",
# | "sha256:49eb1241a969a5994db6880c18c012b6cbe2340343d8f529721571806583e500",
# | "sha256:4c29b8f2d6417069bb1f257e6b9113f5d64dc2f554cc200ea90b4fe2c5cdb733",
# | "sha256:70dbc9f83c41f37a4faa62dae5203853847223a891da446f48ef2efcfd5df806",
# | "sha256:930ad463d3fb7a340d323bcc496ec32dae469ec9974c29ff569f19806b6b03b4",
# | "sha256:a4bb174bd65f795c39ad6642d9d5bdc43351b306b7d0a654ab0d0abb38be245f",
# | "sha256:a9ee990bf2cfbd81574c5d4f9f6c9d480a14b5b43d2c4f2ca13f4c6f48089394",
# | "sha256:b0cdb655fbd1562c2dfc9986f9103a106f7058cd0915afc6e656d4b1d73f3387",
# | "sha256:c813ada7a651193acda85b6bc1cf12abd4b37cd25c7c6a75d7183512cc374969",
# | "sha256:c81d98e27d9d9261909dcccab1ba5d6ea1c98b0bb9470e368604614fd1d36ddd",
# | "sha256:e5bd109d095aaae989a0463d5ef0fcc43e9ddd5de125e656d3c119a79e466380",
# | "sha256:ea2f61b0bc12f3592288503961b764579dea0658852d96a0b3d823614d808821",
# | "sha256:f1d62fb172db35c6478c9323da34ff37d1f3d37d7d44337a9d94ba8c583e5730",
# | "sha256:fb2bb5b557080da398b866408117d98fe9731a12334afd0cdff221b458cdc5dc",
# | ]
# | pygments = [
# | "sha256:2363c69b61c4a97c838da3b130dcd6468f4848992b21a82f2a63ec34377137d9",
# | ]
# | rich = [
# | "sha256:33bd4ef74232fb73fe9279a257718407f169c09b78a87ad3d296f548e27de0bb",
# | ]
# | shellingham = [
# | "sha256:7ecfff8f2fd72616f7481040475a65b2bf8af90a56c89140852d1120324e8686",
# | ]
# | typer = [
# | "sha256:00dbc549c13428bec1be55fe1f4d0fb8c6637a310e4f178ef14abe9534ee7b58",
# | ]
# | typing-extensions = [
# | "sha256:481caa481374e813c1b176ada14e97f1f67a4539ce9cfeb3f350d78d6370c2e8",
# | ]
# | typing-inspection = [
# | "sha256:bc210535442b39e1bf2805e0c7a17dfd6a4ace760c84c7f7d16245d23a6b1c39",
# | ]
# <<< scriptlock <<<
