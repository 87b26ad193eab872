"""`amiko status`: how everything is."""

import contextlib
import sys
from typing import Any

from rich.markup import escape
from rich.table import Table

from amiko.console import JsonOption, out, print_json
from amiko.running import Running, find_running
from domain.errors import ClusterError
from domain.names import STORES, is_application, store_of

#: Seconds until whoever has not answered counts as out of reach.
ANSWER_S = 20.0


def status(*, as_json: JsonOption = False) -> None:
    """Stores with their assistants and notifications, cameras, networks, the bot. Exit status 1 if nothing runs.

    Examples: `amiko status`; `amiko status --json`
    """
    running = find_running()
    # what Ray has to say of nodes, say, is no part of the answer
    with contextlib.redirect_stdout(sys.stderr):
        document = read_status(running)
    if as_json:
        print_json(document)
    else:
        _show(document)


def read_status(running: Running) -> dict[str, Any]:
    """Joins the running Ray for a moment. Raises ClusterError."""
    import ray
    from ray import serve
    from ray.exceptions import RayError

    from actors import cluster
    from actors.clients import ActorMissingError, find

    mine = not ray.is_initialized()
    if mine:
        cluster.join(running.address)
    try:
        told = ray.get(find(STORES).status.remote(), timeout=ANSWER_S)
        applications = serve.status().applications
    except (ActorMissingError, RayError) as error:
        raise ClusterError("Ray runs, but Amiko's actors do not answer; see the dashboard") from error
    finally:
        if mine:
            cluster.leave()
    networks = {
        _network(name, app): {
            "status": deployment.status.value,
            "replicas": {str(state): count for state, count in deployment.replica_states.items()},
        }
        for app, one in applications.items()
        if is_application(app)
        for name, deployment in one.deployments.items()
    }
    return {"dashboard": running.dashboard, "address": running.address, "networks": networks, **told}


def _network(name: str, application: str) -> str:
    """A store's own networks say whose they are."""
    store = store_of(application)
    return f"{name} {store}" if store else name


def _show_nodes(document: dict[str, Any]) -> None:
    table = Table("node", "for", "there", "runs")
    for node in document["nodes"]:
        what = f"store {node['store']}" if node["store"] else "the networks of all" if node["networks"] else "the head"
        runs = [name for name, one in document["actors"].items() if one and one["node"] == node["address"]]
        there = "yes" if node["alive"] else "[red]no[/red]"
        table.add_row(node["address"], what, there, ", ".join(runs) if node["alive"] else "")
    out.print(table)


def _show(document: dict[str, Any]) -> None:
    out.print(f"Dashboard: {document['dashboard']}")
    for problem in document["problems"]:
        out.print(f"[red]{problem}[/red]")
    if len(document["nodes"]) > 1:
        _show_nodes(document)
    networks = Table("network", "status", "replicas")
    for name, one in document["networks"].items():
        networks.add_row(
            name, one["status"], ", ".join(f"{count} {state.lower()}" for state, count in one["replicas"].items())
        )
    out.print(networks)
    cameras = Table("camera", "state", "picture", "frames", "dropped", "late", "visits")
    cameras.columns[0].no_wrap = True
    for name, one in document["cameras"].items():
        if one is None:
            cameras.add_row(name, "[red]does not answer[/red]")
        else:
            state = one["state"]
            if state != "streaming":
                state = f"{'[red]lost[/red]' if state == 'lost' else state}: {escape(one['reason'])}"
            numbers = (str(one[key]) for key in ("frames", "dropped", "late", "visits"))
            cameras.add_row(name, state, one["picture"] if one["frames"] else "–", *numbers)
    out.print(cameras)
    stores = Table("store", "assistants", "visits (24 h)", "notifications (24 h)")
    for name, one in (document["stores"] or {}).items():
        people = ", ".join(f"{person['name']} ({person['state']})" for person in one["assistants"])
        told = ", ".join(f"{count} {state}" for state, count in one["notifications"].items())
        stores.add_row(name, people, str(one["visits"]), told)
    out.print(stores)
    for name, one in (document["trainer"] or {}).items():
        if one["encoder_changed"]:
            out.print(f"[yellow]{name}: {escape(one['encoder_changed'])}[/yellow]")
    _show_bot(document["dispatcher"])


def _show_bot(bot: dict[str, Any] | None) -> None:
    if bot is None:
        out.print("[red]The dispatcher does not answer[/red]")
    else:
        for name, one in bot.get("bots", {"": bot}).items():
            who = f"The bot {name}".strip()
            problem = escape(one["problem"] or "not started yet")
            out.print(f"{who} is in touch with Telegram" if one["healthy"] else f"[red]{who}: {problem}[/red]")
