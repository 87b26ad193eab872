from hypothesis import given
from hypothesis import strategies as st

from domain import names

IDS = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)


@given(IDS, IDS)
def test_a_cameras_actor_tells_whose_it_is(store: str, camera: str) -> None:
    assert names.camera_of(names.camera_actor(store, camera)) == (store, camera)


def test_other_actors_are_no_cameras() -> None:
    for name in (names.STORES, names.REGISTRY, names.TRAINER, names.DISPATCHER, names.CAMERA, "camera/s"):
        assert names.camera_of(name) is None


@given(IDS)
def test_an_application_tells_whose_networks_it_has(store: str) -> None:
    local = names.local_application(store)
    assert names.is_application(local)
    assert names.store_of(local) == store
    assert local != names.CENTRAL


def test_others_applications_are_left_alone() -> None:
    assert names.is_application(names.CENTRAL)
    assert names.store_of(names.CENTRAL) is None
    assert not names.is_application("networksomething")
    assert not names.is_application("somebody-elses")
