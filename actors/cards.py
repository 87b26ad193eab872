"""Visitors' small pictures while their visits are open: in memory alone, so that a kill loses them and nothing else."""

from dataclasses import replace

from domain.records import Notification, Visit

#: Seconds between two looks at which are over.
SWEEP_S = 1.0


class Cards:
    """Of all stores. Times are in seconds, by the registry's clock."""

    def __init__(self) -> None:
        #: By visit: until when it is kept, and the JPEG.
        self._cards: dict[str, tuple[float, bytes]] = {}
        #: When those that are over were last dropped.
        self._swept = 0.0

    def keep(self, visit: Visit, *, until: float, now: float) -> None:
        """Keep a visit's card, if it has one, and drop those that are over."""
        if abs(now - self._swept) > SWEEP_S:
            self._cards = {name: card for name, card in self._cards.items() if card[0] > now}
            self._swept = now
        if visit.card is not None:
            self._cards[visit.id] = (until, visit.card)

    def onto(self, notification: Notification) -> Notification:
        """The notification with its visit's card, while that is kept."""
        card = self._cards.get(notification.visit)
        return replace(notification, card=card[1]) if card else notification

    def shift(self, by: float) -> None:
        """The clock was set by so much: each is kept as long as it would have been."""
        self._cards = {visit: (until + by, card) for visit, (until, card) in self._cards.items()}
