from domain.prompts import prompts_for


def test_a_known_department_has_texts_in_both_languages_whatever_its_language() -> None:
    prompts = prompts_for(["Toys", "Игрушки"], {}, {})
    assert prompts["Toys"] == prompts["Игрушки"]
    assert any("toys for a child" in text for text in prompts["Toys"])
    assert any("игрушки для ребёнка" in text for text in prompts["Toys"])


def test_an_unknown_department_is_named() -> None:
    (texts,) = prompts_for(["Аквариумы"], {}, {}).values()
    assert all("Аквариумы" in text for text in texts)


def test_the_stores_own_texts_take_their_place() -> None:
    prompts = prompts_for(["Books", "Toys"], {"Toys": ["a child"]}, {})
    assert list(prompts) == ["Books", "Toys"]
    assert prompts["Toys"] == ["a child"]
    assert len(prompts["Books"]) == 4


def test_what_a_department_is_called_in_a_language_is_used() -> None:
    names = {"D1": {"ru": "Игрушки"}, "D2": {"ru": "Аквариумы", "en": "Aquariums"}}
    known, unknown = prompts_for(["D1", "D2"], {}, names).values()
    assert any("toys for a child" in text for text in known)
    assert any("ищет Аквариумы" in text for text in unknown)
    assert any("looking for Aquariums" in text for text in unknown)
