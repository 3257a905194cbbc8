"""What a person may force on the survivors of a lost majority, and what is refused with which words."""

from typing import Any

import pytest

from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.systems.mongo.state.documents import parse_config
from osvc_ha.systems.mongo.state.survivors import Remains, Report, dropped, forced, leader

OURS = {"tags": {"osvc_ha": "member"}}
OLD, NEW = (3, 100, 1), (3, 100, 2)


def document(*more: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Five members a … e; the last ones have what ``more`` says."""
    members: list[dict[str, Any]] = [{"_id": number, "host": f"{name}:1", "priority": 5 - number} for number, name in enumerate("abcde")]
    for member, said in zip(reversed(members), reversed(more)):
        member.update(said)
    return {"_id": "db", "version": 7, "term": 3, "members": members, "settings": {"replicaSetId": "one", **settings}}


def up(name: str, optime: tuple[int, int, int] = NEW, state: str = "SECONDARY", config: Any = None) -> Report:
    """A member that answers."""
    return Report(f"{name}:1", "", True, state, optime, config or document())


def off(name: str) -> Report:
    """One that does not."""
    return Report(f"{name}:1", f"{name}:1: Connection refused", False)


def remains(survivors: str, *reports: Report) -> Remains:
    """``survivors``: letters."""
    said = {one.host for one in reports}
    return Remains(tuple(f"{name}:1" for name in survivors), (*reports, *(off(name) for name in "abcde" if f"{name}:1" not in said)))


REFUSED = {
    "the survivor does not answer": (remains("a", up("b")), "a:1 does not answer as a member (a:1: Connection refused)"),
    "the survivor lets nobody in": (
        remains("a", Report("a:1", "a:1: replSetGetStatus: Authentication failed.", denied=True)),
        "a:1: replSetGetStatus: Authentication failed.; name the right username and password_file, and with tls the right certificates",
    ),
    "it is in no set": (remains("a", Report("a:1")), "a:1 does not answer as a member (it is in no replica set)"),
    "it is no member": (remains("az", up("a"), up("z")), "z:1 is no member of db; its members are a:1 b:1 c:1 d:1 e:1"),
    "two sets": (
        remains("ab", up("a"), up("b", config=document(replicaSetId="two"))),
        "the survivors are of 2 replica sets (one, two); name those of one",
    ),
    "there is a primary": (remains("b", up("a", state="PRIMARY"), up("b")), "a:1 is the primary, so the set has its majority"),
    "a majority answers": (remains("a", up("a"), up("b"), up("c")), "3 of 5 voting members answer (a:1 b:1 c:1), and 3 are a majority"),
    "a majority that denies us": (
        remains("a", up("a"), *(Report(f"{name}:1", "wrong password", True) for name in "bc")),
        "3 of 5 voting members answer (a:1 b:1 c:1)",
    ),
    "another has more": (remains("a", up("a", OLD), up("b", NEW)), "b:1 has newer data than every survivor, and is not named"),
    "the freshest is never primary": (
        remains("ae", up("a", OLD, config=document({"priority": 0})), up("e", NEW, config=document({"priority": 0}))),
        "none of the survivors with the newest data could be primary: e:1 (SECONDARY)",
    ),
    "the freshest still copies": (remains("a", up("a", state="STARTUP2")), "none of the survivors with the newest data could be primary"),
}


@pytest.mark.parametrize(("given", "words"), REFUSED.values(), ids=list(REFUSED))
def test_m2_what_cannot_be_right_is_refused(given: Remains, words: str) -> None:
    """Nothing is forced while the set can help itself, nor where it would lose what a living member has."""
    with pytest.raises(UnsafePlan) as refused:
        forced(given)
    assert words in str(refused.value) and str(refused.value).endswith("nothing was changed")


def test_m2_the_survivors_are_the_set_as_they_were() -> None:
    """Whoever is not named goes; the others keep their ids, priorities and settings, and the freshest leads."""
    given = remains("bd", up("b", OLD), up("d", NEW))
    made = forced(given)
    assert leader(given) == "d:1"
    assert made["members"] == [document()["members"][1], document()["members"][3]]
    assert made["version"] == 8 and made["settings"] == document()["settings"]
    assert dropped(given) == ("a:1", "c:1", "e:1")


def test_of_two_with_the_same_data_the_preferred_one_leads() -> None:
    """As it would in any election."""
    assert leader(remains("bd", up("b"), up("d"))) == "b:1"


def test_a_survivor_without_a_vote_gets_one_only_where_it_is_ours() -> None:
    """One that osvc_ha left without a vote may lead when nobody else is left; a person's own never does."""
    ours = document({"votes": 0, "priority": 0, **OURS})
    made = parse_config(forced(remains("e", up("e", config=ours))))
    assert [(member.host, member.votes, member.priority) for member in made.members] == [("e:1", 1, 1)]
    theirs = document({"votes": 0, "priority": 0})
    with pytest.raises(UnsafePlan):
        forced(remains("e", up("e", config=theirs)))


def test_the_newest_configuration_counts() -> None:
    """A survivor that missed the last change does not bring it back."""
    newer = {**document(), "version": 8, "members": document()["members"][:4]}
    given = remains("ab", up("a"), up("b", config=newer))
    assert forced(given)["version"] == 9
    assert dropped(given) == ("c:1", "d:1")
