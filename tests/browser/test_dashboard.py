"""A running ``deploy``: a foreign page gets nothing, a run's parameters become no command, and one click signs its owner in."""

import json
import os
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.server import ServerMark, read_mark
from flows.triggers import RETRAIN, list_flow_runs, post
from tests.flows.conftest import command

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
NIGHTS = 'schedules=[{name="park-loops", cron="0 2 1 1 *", request={hours=0.06, families=["park"]}}]'
ATTACK = """async ([server, run]) => {
  const read = async answer => [answer.type, answer.type === "opaque" ? "" : await answer.text()];
  const send = (path, options) =>
    fetch(`${server}/api${path}`, {method: "POST", ...options}).then(read, error => ["refused", ""]);
  const json = {headers: {"Content-Type": "application/json"}};
  const tried = [];
  for (const [path, body] of [["/deployments/filter", "{}"], ["/flow_runs/", run]])
    for (const options of [json, {...json, credentials: "include"}, {}, {mode: "no-cors"}, {mode: "no-cors", blob: true}])
      tried.push(await send(path, {...options, body: options.blob ? new Blob([body]) : body}));
  for (const protocols of [[], ["prefect"]]) tried.push(await new Promise(done => {
    const socket = new WebSocket(`${server.replace("http", "ws")}/api/events/in`, protocols);
    socket.onopen = () => socket.send(JSON.stringify({type: "auth", token: null}));
    socket.onmessage = message => done(["message", message.data]);
    socket.onclose = () => done(["refused", ""]);
  }));
  const frame = Object.assign(document.createElement("iframe"), {name: "frame"});
  document.body.append(frame);
  const form = document.createElement("form");
  Object.assign(form, {method: "post", enctype: "text/plain", action: `${server}/api/flow_runs/`, target: "frame"});
  const field = document.createElement("input");
  [field.name, field.value] = [run.slice(0, -1) + ', "x": "', '"}'];
  form.append(field); document.body.append(form);
  await new Promise(done => { frame.onload = done; form.submit(); });
  return tried;
}"""


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A home in which ``worldloom deploy`` runs, and where what it prints goes."""

    home: Path
    log: Path
    mark: ServerMark

    def deployment(self, name: str) -> dict[str, Any]:
        return dict(post(self.mark, "/deployments/filter", {"deployments": {"name": {"any_": [name]}}})[0])

    def runs(self) -> list[dict[str, Any]]:
        """Those that somebody asked for; the clock's own lie ahead."""
        return [run for run in post(self.mark, "/flow_runs/filter", {}) if not run["auto_scheduled"]]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    home = tmp_path_factory.mktemp("deployed") / "home"
    log = home.parent / "deploy.log"
    served = command("deploy", "--profile", "smoke", "--home", home, "--set", NIGHTS)
    with log.open("w") as output, subprocess.Popen(served, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            wait_for(lambda: "deployed   retraining" in log.read_text(), 200, "deployment")
            mark = wait_for(lambda: read_mark(home / "prefect"), 10, "server")
            yield Deployed(home=home, log=log, mark=wait_for(lambda: registered(mark), 60, "registration"))
        finally:
            process.terminate()
            process.wait(120)


def registered(mark: ServerMark) -> ServerMark | None:
    return mark if post(mark, "/deployments/filter", {"deployments": {"name": {"any_": [RETRAIN]}}}) else None


def wait_for(condition: Any, seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"no {what} within {seconds:.0f} s"
        time.sleep(0.5)
    return found


@pytest.fixture
def foreign_origin() -> Iterator[str]:
    """A web page of somebody else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Kittens</title><body>")

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


def evil_parameters(made: Path) -> dict[str, Any]:
    """What ran ``touch`` while the flows took their workplace from whoever started them."""
    record = f'endpoints.unreal.command=["touch","{made}"]'
    unreal = 'schedules=[{name="park-loops", cron="0 2 * * *", request={source="unreal", hours=0.01}}]'
    place = {"profile": "smoke", "home": str(made.parent / "elsewhere"), "store": str(made.parent / "store")}
    return {"schedule": "park-loops", **place, "overrides": [record, unreal]}


def test_a_foreign_page_reads_nothing_and_starts_nothing(
    deployed: Deployed, chromium, foreign_origin: str, tmp_path: Path
) -> None:
    wanted = deployed.deployment("park-loops")
    before = [run["id"] for run in deployed.runs()]
    scheduled = {"type": "SCHEDULED", "name": "Scheduled"}
    run = {"flow_id": wanted["flow_id"], "deployment_id": wanted["id"], "parameters": evil_parameters(tmp_path / "made")}
    page, statuses = chromium.new_page(), []
    page.on("response", lambda answer: statuses.append((answer.request.method, answer.status, answer.url)))
    page.goto(foreign_origin)
    tried = page.evaluate(ATTACK, [deployed.mark.url, json.dumps({**run, "state": scheduled})])
    page.close()
    assert {(kind, text) for kind, text in tried} <= {("refused", ""), ("opaque", "")}, tried
    answered = [status for method, status, url in statuses if url.startswith(deployed.mark.url) and method == "POST"]
    assert len(answered) >= 4 and set(answered) == {401}, statuses
    assert [run["id"] for run in deployed.runs()] == before


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "evil.example"])
def test_no_name_of_the_server_opens_it_without_the_token(deployed: Deployed, name: str) -> None:
    url = f"http://127.0.0.1:{deployed.mark.port}"
    for token in (None, "Basic d29ybGRsb29tOg==", "Basic !", "Bearer x"):
        headers = {"Host": f"{name}:{deployed.mark.port}", "Content-Type": "application/json"}
        headers |= {"Authorization": token} if token else {}
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(urllib.request.Request(f"{url}/api/deployments/filter", b"{}", headers))


def test_parameters_that_are_no_names_are_refused_even_with_the_token(deployed: Deployed, tmp_path: Path) -> None:
    evil, known = evil_parameters(tmp_path / "made"), {"version": "1" * 64, "event": "0" * 8 + "-0000" * 3 + "-" + "0" * 12}
    schedule, retrain = deployed.deployment("park-loops"), deployed.deployment(RETRAIN)
    for target, parameters in (
        (schedule, {"schedule": "../park-loops"}),
        (schedule, {"schedule": ["park-loops"]}),
        (retrain, {**known, "version": "$(touch made)"}),
        (retrain, {**known, "event": "/tmp/made"}),
    ):
        with pytest.raises(urllib.error.HTTPError, match=r"409|422"):
            post(deployed.mark, f"/deployments/{target['id']}/create_flow_run", {"parameters": parameters})
    body = {"parameters": evil, "enforce_parameter_schema": False}  # as whoever starts a run may ask the server
    made = post(deployed.mark, f"/deployments/{schedule['id']}/create_flow_run", body)

    def state() -> str:
        (run,) = [run for run in deployed.runs() if run["id"] == made["id"]]
        return run["state_type"] if run["state_type"] in ("FAILED", "CRASHED", "COMPLETED") else ""

    assert wait_for(state, 200, "end of the run") != "COMPLETED"
    assert sorted(os.listdir(tmp_path)) == [], deployed.log.read_text()


def test_one_click_signs_in_and_the_dashboard_shows_runs(deployed: Deployed, page) -> None:
    (link,) = re.findall(r"^sign in    (file://\S+)$", deployed.log.read_text(), re.MULTILINE)
    page.goto(deployed.mark.url)
    page.get_by_role("button", name="Login").wait_for()
    page.goto(link)
    page.get_by_role("link", name="Deployments").click()
    page.get_by_text(RETRAIN).first.wait_for()
    assert page.evaluate("location.origin") == deployed.mark.url
    assert deployed.mark.token not in page.evaluate("location.href")


def test_a_link_with_another_token_changes_nothing(deployed: Deployed, page) -> None:
    page.goto(f"{deployed.mark.url}/v2/sign-in.html#somebody:else")
    page.get_by_text("not the token").wait_for()
    assert page.evaluate("localStorage.getItem('prefect-password')") is None


def test_the_token_stands_in_files_of_its_owner_and_nowhere_else(deployed: Deployed) -> None:
    secret = deployed.mark.token.partition(":")[2].encode()
    told = [path for path in deployed.home.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert sorted(path.name for path in told) == ["dashboard.html", "token"]
    assert {oct(path.stat().st_mode & 0o777) for path in told} == {"0o600"}
    assert secret not in deployed.log.read_bytes()
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert secret not in process.read_bytes()
        except OSError:  # it has ended
            continue
    assert list_flow_runs(deployed.mark, RETRAIN) == []
