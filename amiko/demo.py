"""`amiko demo`: the whole system on this machine, with the Bot API sandbox and its chat page in place of Telegram."""

import secrets
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from amiko import madeup, playing
from amiko.console import JsonOption, err, out, print_json, say
from amiko.environment import TOKEN
from amiko.running import started
from amiko.stopping import Stopping
from bot.sandbox import Person, Sandbox
from domain.errors import AmikoError
from domain.places import home
from domain.settings import Camera, Door, Settings, Store, Telegram
from networks import weights

#: Where the chat page is unless said otherwise.
PORT = 8377

#: The assistants, their admin, and one who is to be invited.
STAFF = (
    Person(id=1001, name="Анна", username="anna"),
    Person(id=1002, name="Борис", username="boris"),
)
ADMIN = Person(
    id=1003,
    name="Вера",
    username="vera",
    role="управляющая",
    hint="Попробуйте /report, /stores или /invite: кнопка «/».",
)
NEWCOMER = Person(
    id=1004,
    name="Галина",
    username="galina",
    role="новый сотрудник",
    hint="Нужно приглашение: /invite у Веры, и открыть её ссылку здесь.",
)
#: Those of a headless demo. A recording is read faster than people walk, and a bot may write to one person once a
#: second: so there are more of them, and one after the other hears of a visitor.
MANY = tuple(Person(id=2001 + number, name=f"Продавец {number + 1}") for number in range(6))


def demo(
    video: Annotated[Path | None, typer.Option(help="Play this recording instead of the made-up clip.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="Stop after so many seconds of playing.")] = None,
    *,
    headless: Annotated[
        bool, typer.Option("--headless", help="Play the clip once and the assistants too, then print what came of it.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the chat page; 0 takes any free one.")] = PORT,
    as_json: JsonOption = False,
) -> None:
    """Try everything on this machine: real networks, Ray and database; only Telegram is played by a page.

    In the browser demo you are the assistants and their admin. With --headless the exit status is 0 only if each visit
    was notified.

    Examples: `amiko demo`; `amiko demo --video shop.mp4`; `amiko demo --headless --json`
    """
    if video is not None:
        playing.check_recording(video)
    with tempfile.TemporaryDirectory(prefix="amiko-demo-") as folder:
        token = f"1000000001:{secrets.token_hex(18)[:35]}"
        sandbox = Sandbox(token, port=0 if headless else port, people=MANY if headless else [*STAFF, ADMIN, NEWCOMER])
        sandbox.start()
        telegram = Telegram(token=SecretStr(token), api_url=sandbox.url, admins=[ADMIN.id])
        try:
            _demo(sandbox, telegram, Path(folder), video, seconds, headless=headless, as_json=as_json)
        finally:
            sandbox.stop()


def _demo(
    sandbox: Sandbox,
    telegram: Telegram,
    data: Path,
    video: Path | None,
    seconds: float | None,
    *,
    headless: bool,
    as_json: bool,
) -> None:
    for network in weights.EMBEDDED:
        if not weights.is_sound(network):
            say(f"bringing the weights of {network.name}")
            weights.pull(network)
    clip = video
    if clip is None:
        say("drawing the sample clip")
        clip = data / "clip.mp4"
        madeup.write_clip(clip)
    # the made-up visitors are announced when they are whole in the picture: the card shows more of them then
    door = Door(line=(250, 100, 250, 479), inside=(400, 300)) if video is None else None
    store = Store(
        id="demo",
        name="Амико, пример",
        departments=list(madeup.DEPARTMENTS),
        cameras=[Camera(id="door", role="entrance", source=SecretStr(str(clip)), door=door)],
        card="blurred",
        notify="one" if headless else "all",
    )
    settings = Settings(telegram=telegram, stores=[store])
    say("training the throw-away shop's classifier; its departments are made up")
    playing.prepare(data, store, assistants=MANY if headless else STAFF)
    stopping = Stopping()
    if headless:
        playing.begin(sandbox, MANY)
    with started(settings, data, paced=not headless, loop=not headless, say=say) as system:
        if headless:
            result = playing.play(sandbox, MANY, data, limit_s=seconds)
        else:
            _invite(sandbox, system.running.dashboard, as_json=as_json)
            stopping.wait(seconds)
            return
    if as_json:
        print_json(result)
    else:
        playing.show(result)
    if result["visits"] == 0 or result["notified"] != result["visits"]:
        raise AmikoError(f"{result['visits']} visits, of which {result['notified']} were notified")


def _invite(sandbox: Sandbox, dashboard: str | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"chat": sandbox.page_url, "dashboard": dashboard})
        return
    out.print(f"\n  Chat page:      {sandbox.page_url}   (you are the assistants: «Запустить», then «Начнём!»)")
    out.print(f"  Ray dashboard:  {dashboard}   (asks for a token once; it is in {home() / TOKEN})\n")
    out.print("  The departments in the messages are made up. How everything is: amiko status. Ctrl-C ends the demo.\n")
    err.print(f"[dim]{time.strftime('%H:%M:%S')} the clip plays in a loop[/dim]")
