"""Run the official conformance suite against the product: `python tests/conformance`.

It prints the passes and failures of each revision and exits with 1 when a scored scenario fails.
The suite does not score the scenarios of the Tasks extension; here they count like all others.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support.server import JupyterServer  # noqa: E402 - needs the path above

REVISIONS = ("2026-07-28", "2025-11-25")
SUITE = HERE.parent / "node/node_modules/@modelcontextprotocol/conformance/dist/index.js"
STAMP = re.compile(r"-\d{4}-\d\d-\d\dT.*$")
"""What the suite adds to a scenario's name in the name of its folder."""
NOT_SCORED = re.compile(
    r"^\s+[✗✓] (\S+) \((?:extension|pending|added-after-release)\)", re.MULTILINE
)
OURS = "tasks-"
"""What the names of scenarios begin with that the suite leaves unscored and we do not."""
TOOLSETS = ("contents", "conversations", "rounds", "jobs")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the suite judged one revision.

    Args:
        revision: The protocol revision.
        passed: Checks that passed.
        failed: Checks that failed, as ``scenario: check``, in scenarios that are scored.
        unscored: Failed checks in scenarios that are not.
        ok: Whether the suite is content, and the scenarios of tasks passed too.
        text: What the suite printed.
    """

    revision: str
    passed: int
    failed: list[str]
    unscored: list[str]
    ok: bool
    text: str


def server_under_test(home: Path) -> JupyterServer:
    """Return a server with the fixtures as plugins and without authentication."""
    plugin = home / "site" / "conformance_fixtures-1.0.dist-info"
    plugin.mkdir(parents=True)
    (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: conformance\nVersion: 1.0\n")
    points = "".join(f"{each} = fixtures.{each}:{each.title()}\n" for each in TOOLSETS)
    (plugin / "entry_points.txt").write_text(f"[jupyter_mcp.toolsets]\n{points}")
    return JupyterServer(
        home,
        collaboration=False,
        env={"PYTHONPATH": f"{plugin.parent}:{HERE}"},
        config={
            "ServerApp": {"identity_provider_class": "identity.EverybodyIsTheTester"},
            "JupyterMCP": {"toolsets": ["jobs", *(f"conformance_{each}" for each in TOOLSETS)]},
        },
    )


def run_suite(node: str, server: JupyterServer, revision: str, results: Path) -> Outcome:
    """Run every scenario that `revision` requires of a server."""
    command = [node, str(SUITE), "server", "--url", f"http://localhost:{server.port}/mcp"]
    done = subprocess.run(
        [*command, "--requirements", revision, "-o", str(results)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    text = done.stdout + done.stderr
    unscored_names = {name for name in _unscored(text) if not name.startswith(OURS)}
    ran = {scenario for scenario, _, _ in _checks(results)}
    counts: Counter[str] = Counter()
    failed: dict[bool, list[str]] = {True: [], False: []}
    for scenario, check, status in _checks(results):
        counts[status] += 1
        if status == "FAILURE":
            failed[scenario in unscored_names].append(f"{scenario}: {check}")
    if revision == REVISIONS[0] and not any(name.startswith(OURS) for name in ran):
        failed[False].append(f"{OURS}*: the suite ran none of them")
    ok = done.returncode == 0 and not failed[False]
    return Outcome(revision, counts["SUCCESS"], failed[False], failed[True], ok, text)


def _checks(results: Path) -> Iterator[tuple[str, str, str]]:
    for file in sorted(results.rglob("checks.json")):
        scenario = re.sub(r"-\d{4}-\d{2}-\d{2}T.*$", "", file.parent.name.removeprefix("server-"))
        for check in json.loads(file.read_text()):
            yield scenario, check["id"], check["status"]


def _unscored(text: str) -> set[str]:
    """Return the scenarios that the suite's report says it does not score."""
    return set(NOT_SCORED.findall(text))


def main() -> int:
    """Run the suite for each revision and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    own = Path(sys.prefix) / "bin" / "node"
    node = str(own) if own.exists() else "node"
    parser.add_argument("--node", default=node, help="Node.js 22 or newer")
    parser.add_argument("--verbose", action="store_true", help="print the suite's own report")
    parser.add_argument("revisions", nargs="*", help="protocol revisions; by default both eras")
    options = parser.parse_args()
    outcomes = []
    for revision in options.revisions or REVISIONS:
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            home = Path(folder)
            with server_under_test(home) as server:
                outcomes.append(run_suite(options.node, server, revision, home / "results"))
    for outcome in outcomes:
        _report(outcome, verbose=options.verbose)
    return 0 if all(outcome.ok for outcome in outcomes) else 1


def _report(outcome: Outcome, *, verbose: bool) -> None:
    if verbose or not outcome.ok:
        sys.stdout.write(outcome.text)
    for line in outcome.failed:
        sys.stdout.write(f"  failed    {line}\n")
    for line in outcome.unscored:
        sys.stdout.write(f"  unscored  {line}\n")
    verdict = "ok" if outcome.ok else "FAILED"
    counts = f"{outcome.passed} checks passed, {len(outcome.failed)} failed"
    extra = f", {len(outcome.unscored)} failed in scenarios that are not scored"
    sys.stdout.write(f"{outcome.revision}: {verdict}, {counts}{extra}\n")


if __name__ == "__main__":
    sys.exit(main())
