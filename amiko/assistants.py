"""`amiko assistants`: who may use the bot."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import aiosqlite
import typer
from rich.table import Table

from amiko.console import SETTINGS, JsonOption, SettingsOption, StoreOption, out, print_json, settings_from
from bot.checking import bot_username
from domain.errors import InputError
from domain.places import DATABASE, home
from domain.records import Assistant
from storage import assistants, invites
from storage.database import Database

app = typer.Typer(help="Who may use the bot.", no_args_is_help=True)

Answer = TypeVar("Answer")
#: Telegram's rule for user names.
USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")


@app.command()
def add(
    person: Annotated[str, typer.Argument(help="The person's Telegram user name (@anna) or number (123456789).")],
    name: Annotated[str | None, typer.Option(help="What to call the person; the user name if not given.")] = None,
    store: StoreOption = None,
    settings: SettingsOption = SETTINGS,
    *,
    as_json: JsonOption = False,
) -> None:
    """Put a person on a store's staff list. The person then writes /start to the bot.

    Example: `amiko assistants add @anna --name "Анна" --store spb-1`
    """
    chosen = settings_from(settings).store(store)
    username, telegram_id = _person(person)
    added = _in_transaction(
        lambda connection: assistants.add(
            connection,
            store=chosen.id,
            name=name or person,
            username=username,
            telegram_id=telegram_id,
            now=time.time(),
        )
    )
    if as_json:
        print_json(_document(added))
    else:
        out.print(f"{added.name} is on the list of {chosen.name}, and now writes /start to the bot")


@app.command()
def invite(store: StoreOption = None, settings: SettingsOption = SETTINGS, *, as_json: JsonOption = False) -> None:
    """Make a link that puts whoever opens it first on a store's staff list. It is good for a day.

    Example: `amiko assistants invite --store spb-1`
    """
    known = settings_from(settings)
    chosen = known.store(store)
    # first: without the bot's name a code is of little use
    username = asyncio.run(bot_username(known.telegram, chosen.bot))
    now = time.time()
    code = _in_transaction(lambda connection: invites.make(connection, store=chosen.id, invited_by=None, now=now))
    link = f"https://t.me/{username}?start={code}"
    if as_json:
        print_json({"store": chosen.id, "link": link, "code": code, "expires_at": now + invites.LIFETIME_S})
    else:
        out.print(
            f"For {chosen.name}, for one person and a day:\n  {link}\nor, written to @{username}:\n  /login {code}"
        )


@app.command("list")
def list_assistants(
    store: Annotated[str | None, typer.Option(help="One store alone.")] = None, *, as_json: JsonOption = False
) -> None:
    """Everybody who may use the bot, and who waits.

    Example: `amiko assistants list --store spb-1`
    """
    found = _in_transaction(lambda connection: assistants.all_of(connection, store))
    if as_json:
        print_json([_document(one) for one in found])
        return
    table = Table("store", "name", "user name", "Telegram number", "state")
    for one in found:
        number = str(one.telegram_id) if one.telegram_id is not None else "not logged in yet"
        table.add_row(one.store, one.name, f"@{one.username}" if one.username else "", number, one.state.value)
    out.print(table)


@app.command()
def remove(
    person: Annotated[str, typer.Argument(help="The person's Telegram user name or number.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Take a person off the staff list; the bot does not know that person any more.

    Example: `amiko assistants remove @anna`
    """
    username, telegram_id = _person(person)

    async def take_off(connection: aiosqlite.Connection) -> Assistant:
        found = (
            await assistants.by_telegram_id(connection, telegram_id)
            if telegram_id is not None
            else await assistants.by_username(connection, username or "")
        )
        if found is None:
            raise InputError(f"{person} is on no list; see: amiko assistants list")
        await assistants.remove(connection, found.id)
        return found

    removed = _in_transaction(take_off)
    if as_json:
        print_json(_document(removed))
    else:
        out.print(f"{removed.name} is off the list")


def _person(person: str) -> tuple[str | None, int | None]:
    if person.isdigit():
        return None, int(person)
    username = person.removeprefix("@")
    if not USERNAME.fullmatch(username):
        raise InputError(f"{person!r}: expected a Telegram user name such as @anna, or a number")
    return username, None


def _in_transaction(work: Callable[[aiosqlite.Connection], Awaitable[Answer]]) -> Answer:
    async def run() -> Answer:
        async with Database.open(home() / DATABASE) as database, database.transaction() as connection:
            return await work(connection)

    return asyncio.run(run())


def _document(one: Assistant) -> dict[str, str | int | float | None]:
    return {
        "store": one.store,
        "name": one.name,
        "username": one.username,
        "telegram_id": one.telegram_id,
        "state": one.state.value,
        "since": one.since,
    }
