"""Indexes that are asked by https, by the processes that resolve and fetch."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.cli import Cli
from support.index import Index
from support.scripts import script
from support.wheels import wheel

TLS = Path(__file__).parents[1] / "data" / "tls"


@pytest.fixture(params=["trusted", "stranger"])
def certificate(request: pytest.FixtureRequest) -> str:
    """Whose certificate the index has."""
    return str(request.param)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Variables by which the system trusts the authority of the tests."""
    unset = dict.fromkeys(("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), "")
    return {**unset, "SSL_CERT_FILE": str(TLS / "authority.pem"), "SSL_CERT_DIR": str(tmp_path)}


def test_a_script_is_locked_and_built_from_an_index_that_is_trusted_and_from_no_other(
    cli: Cli, tmp_path: Path, environ: dict[str, str], certificate: str
) -> None:
    (path := tmp_path / "script.py").write_text(script("tool"))
    with Index(certificate=TLS / f"{certificate}.pem") as index:
        index.add(wheel("tool", "1.0", requires=["part"]), wheel("part", "1.0"))
        environ |= {"PIP_INDEX_URL": index.url, "PIP_RETRIES": "0"}
        locked = cli("lock", "--here", path, env=environ)
        asked = index.count
        built = cli("sync", path, env=environ)

    if certificate == "trusted":
        assert (locked.code, locked.out, locked.err) == (0, "+ part 1.0\n+ tool 1.0\n", "")
        assert (built.code, built.err) == (0, "")
        assert len([path for path in index.requests[asked:] if path.endswith(".whl")]) == 2
    else:
        for done in (locked, built):
            assert (done.code, done.out) == (2, "")
            assert "cannot be reached: its certificate is not trusted" in done.err
        assert index.count == 0


@pytest.mark.parametrize("name", ["PIP_CERT", "PIP_CLIENT_CERT"])
def test_certificates_that_are_not_there_are_told(
    cli: Cli, tmp_path: Path, environ: dict[str, str], name: str
) -> None:
    (path := tmp_path / "script.py").write_text(script("tool"))
    with Index(certificate=TLS / "trusted.pem") as index:
        index.add(wheel("tool", "1.0"))
        environ |= {"PIP_INDEX_URL": index.url, "PIP_RETRIES": "0"}
        wrong = environ | {name: str(tmp_path / "nowhere.pem")}
        refused = [cli("lock", "--here", path, env=wrong)]
        assert cli("lock", "--here", path, env=environ).code == 0
        refused.append(cli("sync", path, env=wrong))

    for done in refused:
        assert (done.code, done.out) == (2, "")
        assert f"127.0.0.1:{index.port} cannot be reached: Could not find" in done.err
        assert f"invalid path: {tmp_path / 'nowhere.pem'}\n" in done.err
