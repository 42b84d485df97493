from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scriptlock.cache.damage import Health, condemn, examine
from scriptlock.cache.environments import read_receipt
from scriptlock.cache.removal import Kept
from support.caches import Shelf
from support.wheels import wheel


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.fixture
def key(shelf: Shelf) -> str:
    return shelf.add("1.0", "a.py")


@pytest.fixture
def site(shelf: Shelf, key: str) -> Path:
    (site,) = shelf.entry(key).folder.glob("lib/*/site-packages")
    return site


def look(shelf: Shelf) -> Health:
    (key,) = shelf.keys
    return examine(shelf.entry(key))


def test_what_was_just_built_is_sound(shelf: Shelf, key: str) -> None:
    assert look(shelf) == Health(entry=shelf.entry(key), damage=(), extra=(), pth=(), changed=())


def test_bytecode_of_what_was_installed_is_no_damage(shelf: Shelf, site: Path) -> None:
    folder = site / "demo" / "__pycache__"
    folder.mkdir()
    (folder / "__init__.cpython-311.pyc").touch()

    assert look(shelf).damage == look(shelf).extra == ()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed": (lambda site: (site / "demo/__init__.py").write_text("x"), "demo/__init__.py was changed"),
    "missing": (lambda site: (site / "demo/__init__.py").unlink(), "demo/__init__.py is missing"),
    "module": (lambda site: (site / "new.py").touch(), "new.py belongs to no package"),
    "bytecode": (lambda site: (site / "new.pyc").touch(), "new.pyc belongs to no package"),
    "library": (lambda site: (site / "demo/new.so").touch(), "demo/new.so belongs to no package"),
    "pth": (lambda site: (site / "new.pth").touch(), "new.pth belongs to no package"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_is_not_as_it_was_installed_is_damage(kind: str, shelf: Shelf, site: Path) -> None:
    act, sentence = DAMAGE[kind]

    act(site)

    assert look(shelf).damage == (f"lib/{site.parent.name}/site-packages/{sentence}",)


@pytest.mark.parametrize("name", ["bin/python", "pyvenv.cfg"])
def test_what_makes_it_an_environment_is_missed(name: str, shelf: Shelf, key: str) -> None:
    (shelf.entry(key).folder / name).unlink()

    assert look(shelf).damage == (f"{name} is missing",)


def test_an_environment_whose_interpreter_is_gone_is_as_it_was_built(
    shelf: Shelf, key: str, tmp_path: Path
) -> None:
    python = shelf.entry(key).folder / "bin" / "python"
    python.unlink()
    python.symlink_to(tmp_path / "nowhere")

    assert look(shelf).damage == ()


def test_other_files_on_top_are_only_named(shelf: Shelf, site: Path) -> None:
    (site / "demo" / "cache.json").touch()

    health = look(shelf)

    assert (health.damage, health.extra) == (
        (),
        (f"lib/{site.parent.name}/site-packages/demo/cache.json",),
    )


def test_what_python_reads_at_every_start_is_named_with_its_owner(shelf: Shelf, site: Path) -> None:
    (site / "a.pth").touch()
    (site / "_virtualenv.pth").touch()
    (site / "_virtualenv.py").touch()
    (record,) = site.glob("*.dist-info/RECORD")
    with record.open("a") as file:
        file.write("b.pth,,\n")
    (site / "b.pth").touch()

    health = look(shelf)

    inside = f"lib/{site.parent.name}/site-packages"
    assert health.pth == (
        f"{inside}/_virtualenv.pth of virtualenv",
        f"{inside}/a.pth of nobody",
        f"{inside}/b.pth of demo==1.0",
    )
    assert health.damage == (f"{inside}/a.pth belongs to no package",)


def test_other_packages_than_the_pins_are_damage(shelf: Shelf, site: Path) -> None:
    (site / "demo-1.0.dist-info").rename(site / "demo-1.1.dist-info")

    damage = look(shelf).damage

    assert damage[:2] == ("demo==1.0 is not there", "demo==1.1 was not to be there")


def test_a_package_without_a_record_owns_nothing(shelf: Shelf, site: Path) -> None:
    (site / "demo-1.0.dist-info" / "RECORD").unlink()

    inside = f"lib/{site.parent.name}/site-packages"
    assert f"{inside}/demo/__init__.py belongs to no package" in look(shelf).damage


@pytest.mark.parametrize("content", [b"demo/\xff.py,,\n", b"demo/%b,,\n" % (b"x" * (1 << 18)), b"\0,,\n"])
def test_a_record_that_cannot_be_read_owns_nothing_either(shelf: Shelf, site: Path, content: bytes) -> None:
    (record,) = site.glob("*.dist-info/RECORD")
    record.write_bytes(content)

    assert "demo/__init__.py belongs to no package" in " ".join(look(shelf).damage)


def test_a_record_that_leads_outside_is_damage(shelf: Shelf, site: Path) -> None:
    with (site / "demo-1.0.dist-info" / "RECORD").open("a") as file:
        file.write("../../../../../outside.py,,\n")

    assert [line.partition(" ")[2] for line in look(shelf).damage] == [
        "is recorded, and outside of the environment"
    ]


def test_what_is_condemned_is_built_anew_at_the_next_run(shelf: Shelf, key: str, site: Path) -> None:
    (site / "demo" / "__init__.py").unlink()

    assert condemn(look(shelf)) is None
    condemned = read_receipt(shelf.entry(key).folder)
    shelf.open().close()

    assert (condemned, look(shelf).damage) == ({}, ())


def test_what_is_in_use_is_not_condemned(shelf: Shelf, key: str, site: Path) -> None:
    (site / "demo" / "__init__.py").unlink()

    with shelf.open():
        kept = condemn(look(shelf))

    assert isinstance(kept, Kept)
    assert (kept.entry.key, kept.why, shelf.entry(key).is_ready) == (key, "it is in use", True)


def test_a_wheel_of_the_store_that_shares_the_damage_goes_too(shelf: Shelf, site: Path) -> None:
    shared, other = (shelf.cache.wheels / wheel("demo", version).sha256 for version in ("1.0", "2.0"))
    for folder in (shared, other):
        (folder / "content" / "demo").mkdir(parents=True)
        (folder / "content" / "demo" / "__init__.py").touch()
    twin = shared / "content" / "demo" / "__init__.py"
    twin.unlink()
    twin.hardlink_to(site / "demo" / "__init__.py")
    (site / "demo" / "__init__.py").write_text("changed in both")

    assert condemn(look(shelf)) is None

    assert [path.name for path in shelf.cache.wheels.iterdir()] == [other.name]
