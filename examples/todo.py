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
