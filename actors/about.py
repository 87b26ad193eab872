"""What each actor tells about itself, so that nobody else needs to remember it."""

import os
from typing import TypedDict

from actors.cluster import own_address
from actors.plan import release


class About(TypedDict):
    """Where an actor runs and what it was made with."""

    #: The digest of its part of the settings.
    recipe: str
    #: The node's address.
    node: str
    pid: int
    #: Amiko's, there.
    release: str
    #: Why it does not do its work there; None where it does.
    problem: str | None


def about(recipe: str, problem: str | None = None) -> About:
    """Of the process that calls."""
    return About(recipe=recipe, node=own_address(), pid=os.getpid(), release=release(), problem=problem)
