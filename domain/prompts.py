"""Texts that say who heads for a department, for encoders that know texts."""

from collections.abc import Mapping, Sequence
from typing import Literal

Names = Mapping[Literal["ru", "en"], str]

#: Common departments, each by its names: what is sought there, in Russian and in English.
GOODS = {
    ("бытовая техника", "appliances", "home appliances"): ("бытовую технику", "home appliances"),
    ("крупная техника", "крупная бытовая техника", "large equipment", "large appliances"): (
        "холодильник или стиральную машину",
        "a refrigerator or a washing machine",
    ),
    ("красота", "техника для красоты", "beauty", "beauty technique"): (
        "фен или технику для красоты",
        "a hair dryer or beauty devices",
    ),
    ("электроника", "electronics"): ("телефон, компьютер или телевизор", "a phone, a computer or a television"),
    ("игрушки", "toys"): ("игрушки для ребёнка", "toys for a child"),
    ("детские товары", "children", "kids"): ("товары для детей", "things for children"),
    ("одежда", "clothing", "clothes"): ("одежду", "clothes"),
    ("обувь", "shoes", "footwear"): ("обувь", "shoes"),
    ("спорт", "спорттовары", "sport", "sports"): ("товары для спорта", "sports goods"),
    ("книги", "books"): ("книги", "books"),
    ("мебель", "furniture"): ("мебель", "furniture"),
    ("продукты", "groceries", "food"): ("продукты", "groceries"),
    ("инструменты", "tools"): ("инструменты для ремонта", "tools for repairs"),
    ("сад", "сад и огород", "garden"): ("товары для сада", "things for the garden"),
}
#: An encoder that knows one language alone makes of the other's texts something that is much the same for all.
TEMPLATES = (
    ("фото покупателя, который ищет {}", "человек, который пришёл в магазин за: {}"),
    ("a photo of a customer looking for {}", "a person who came to a shop to buy {}"),
)


def prompts_for(
    departments: Sequence[str], own: Mapping[str, Sequence[str]], names: Mapping[str, Names]
) -> dict[str, list[str]]:
    """Texts for each department, in its order: the store's own, or those that its names suggest.

    `names`: how a department is called in a language (`ru`, `en`), beside its name in the catalogue.
    """
    return {name: list(own[name]) if own.get(name) else _suggested(name, names.get(name, {})) for name in departments}


def _suggested(name: str, called: Names) -> list[str]:
    folded = {one.strip().casefold() for one in (name, *called.values())}
    known = next((goods for names, goods in GOODS.items() if folded & set(names)), None)
    goods = known or (called.get("ru", name), called.get("en", name))
    return [template.format(what) for templates, what in zip(TEMPLATES, goods, strict=True) for template in templates]
