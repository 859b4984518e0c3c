"""A target that the machine's zone does not offer, or quota that is too small, is no advice; unknown is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aispend.advising import Recommend
from aispend.moving import Accelerators, OwnRatio
from recommender.contract import Advice, Answer, Kind, Subject, WhyNot
from recommender.kinds import accelerator, arm_host, consolidate, relocate, rightsize, spot
from recommender.places import Place, Places
from recommender.run import answer
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service, pools
from recommender.to_be_had import NOT_CHECKED, needs_of
from tests.recommender.conftest import AS_OF, GIB, history
from tests.recommender.kinds.served import Make
from tests.recommender.kinds.services import HOURS, member, service
from tests.recommender.kinds.sizes import CHAT, two_of_eight
from tests.recommender.kinds.test_accelerator import a10g, told
from tests.recommender.kinds.test_arm_host import processors
from tests.recommender.kinds.test_relocate import l4
from tests.recommender.kinds.test_spot import trainer
from tests.recommender.told import granted, offered

A, B = "us-east-1a", "us-east-1b"


def ask(kind: Kind[Any], subject: Subject, settings: Recommend | None = None) -> Answer:
    return answer(kind, subject, settings or Recommend(), AS_OF)


def advised(found: Answer) -> Advice:
    assert isinstance(found, Advice), found
    return found


def refused(found: Answer) -> tuple[str, str]:
    assert isinstance(found, WhyNot), found
    assert found.explanation.endswith(".")
    assert found.monthly_cost is not None
    return found.reason, found.explanation


def half_used(make_subject: Make, places: Places, **more: Any) -> Machine:
    """A p4d.24xlarge of whose eight A100s two work."""
    memory = np.zeros((8, 14 * 24))
    memory[:2] = 8 * GIB
    accelerators = replace(history(two_of_eight(), memory_bytes=0), memory_used_max=memory)
    return make_subject(accelerators=accelerators, zone=A, places=places, **(CHAT | more))


def moved(make_subject: Make, places: Places, machines: int = 1, **more: Any) -> Service:
    """g5.xlarge, whose work a g6.xlarge does for less by one's own benchmark."""
    return replace(a10g(make_subject, machines=machines, zone=A, places=places, **more), places=places)


# ------------------------------------------------------------------------------------ zones


def test_of_what_nobody_told_the_command_asks_and_the_evidence_says_so(make_subject: Make) -> None:
    found = advised(ask(accelerator.KIND, moved(make_subject, Places()), told(0.95)))
    assert "# ask for quota of g6.xlarge in us-east-1 first, and whether zone us-east-1a has it\n" in found.command
    assert found.evidence["zone_offers_type"] == found.evidence["quota"] == NOT_CHECKED


def test_a_size_that_the_zone_does_not_offer_is_passed_over_for_the_next(make_subject: Make) -> None:
    first = advised(ask(rightsize.KIND, half_used(make_subject, Places()))).target
    places = Places([offered(first, B), offered("p4d.24xlarge", A, B)])
    second = advised(ask(rightsize.KIND, half_used(make_subject, places)))
    assert second.target != first
    assert second.evidence["zone_offers_type"] == NOT_CHECKED


def test_where_no_zone_offers_any_size_the_reason_names_one(make_subject: Make) -> None:
    targets: list[str] = []
    while True:
        places = Places([offered("p4d.24xlarge", A, B), *(offered(one, B) for one in targets)])
        found = ask(rightsize.KIND, half_used(make_subject, places))
        if isinstance(found, WhyNot):
            break
        targets.append(found.target)
    assert targets
    said = f"{targets[0]} is not offered in zone us-east-1a (told on 2026-11-20; us-east-1b would)."
    assert refused(found) == ("not_offered", said)


def test_another_accelerator_is_only_moved_to_where_every_zone_has_it(make_subject: Make) -> None:
    places = Places([offered("g6.xlarge", A), offered("g5.xlarge", A, B)])
    assert advised(ask(accelerator.KIND, moved(make_subject, places), told(0.95))).target == "g6.xlarge"
    subject = moved(make_subject, places, machines=2)
    one, other = subject.members
    subject = replace(subject, members=(one, replace(other, machine=replace(other.machine, zone=B))))
    reason, why = refused(ask(accelerator.KIND, subject, told(0.95)))
    assert (reason, why) == (
        "not_offered",
        "g6.xlarge is not offered in zone us-east-1b (told on 2026-11-20; us-east-1a would).",
    )


def test_what_was_told_more_than_a_month_ago_is_not_checked(make_subject: Make) -> None:
    old = AS_OF - timedelta(days=31)
    places = Places([offered("g6.xlarge", as_of=old)], [granted(0, as_of=old)])
    found = advised(ask(accelerator.KIND, moved(make_subject, places), told(0.95)))
    assert found.evidence["zone_offers_type"] == found.evidence["quota"] == NOT_CHECKED


def test_a_region_that_lacks_the_type_is_passed_over(make_subject: Make) -> None:
    """us-east4 is the cheapest; where it has no L4s another region of the US is, and where none has them it stays."""
    given = {"provider": "gcp", "source": "gcp/offerings"}
    east = offered("g2-standard-8", region="us-east4", **given)
    found = advised(ask(relocate.KIND, l4(make_subject, places=Places([east]))))
    assert found.target == "region:us-central1"
    subject = l4(make_subject)
    everywhere = subject.prices.regions("gcp", "g2-standard-8")
    nowhere = Places([offered("g2-standard-8", region=one, **given) for one in everywhere])
    reason, why = refused(ask(relocate.KIND, replace(subject, places=nowhere)))
    assert reason == "not_offered"
    assert why == "g2-standard-8 is not offered in any zone of us-east4 (told on 2026-11-20)."


def test_quota_that_was_told_is_not_asked_for_before_a_move(make_subject: Make) -> None:
    """A g2-standard-8 has one L4: eight may run in us-east4, of which seven or eight do."""

    def moving(used: int) -> Answer:
        there: dict[str, Any] = {"provider": "gcp", "region": "us-east4", "source": "gcp/offerings"}
        limit = granted(8, ("g2-standard-*",), used, code="NVIDIA_L4_GPUS", unit="accelerator", **there)
        places = Places([offered("g2-standard-8", "us-east4-a", **there)], [limit])
        return ask(relocate.KIND, l4(make_subject, places=places))

    found = advised(moving(7))
    assert found.target == "region:us-east4"
    assert "; move its data first\n" in found.command
    assert "ask for quota" not in found.command
    reason, why = refused(moving(8))
    assert reason == "quota"
    assert why.endswith(
        "Ask for 9 first: IAM & Admin, Quotas in the console, NVIDIA_L4_GPUS in us-east4 of project 111122223333."
    )


def test_an_arm_type_is_looked_for_in_the_zone(make_subject: Make) -> None:
    own = OwnRatio(present="m7i.4xlarge", target="m8g.4xlarge", ratio=1.1, on=date(2026, 10, 1), source="bench/9")
    settings = Recommend(accelerator=Accelerators(measured=(own,)))
    subject = processors(make_subject, zone=A)
    places = Places([offered("m8g.4xlarge", B), offered("m7i.4xlarge", A, B)])
    assert isinstance(ask(arm_host.KIND, subject, settings), Advice)
    assert refused(ask(arm_host.KIND, replace(subject, places=places), settings))[0] == "not_offered"


# ------------------------------------------------------------------------------------ quotas


def test_a_quota_that_is_too_small_is_named_with_its_number_and_where_to_ask_for_more(make_subject: Make) -> None:
    """A g6.xlarge has 4 vCPUs; the g5.xlarge it replaces stops before, and counts against the same quota."""
    assert isinstance(ask(accelerator.KIND, moved(make_subject, Places((), [granted(4)])), told(0.95)), Advice)
    assert refused(ask(accelerator.KIND, moved(make_subject, Places((), [granted(3)])), told(0.95))) == (
        "quota",
        "g6.xlarge takes 4 vCPUs, and Running On-Demand G and VT instances (L-DB2E81BA) grants 3 in us-east-1 (told on "
        "2026-11-20). Ask for 4 first: aws service-quotas request-service-quota-increase --service-code ec2 "
        "--quota-code L-DB2E81BA --desired-value 4 --region us-east-1, or Service Quotas in the console.",
    )


def test_a_group_runs_old_and_new_together(make_subject: Make) -> None:
    group = {"tags": {"aws:autoscaling:groupName": "rankers"}}
    reason, why = refused(ask(accelerator.KIND, moved(make_subject, Places((), [granted(7)]), **group), told(0.95)))
    assert reason == "quota"
    assert "takes 4 vCPUs beside the 4 that run" in why
    assert "Ask for 8 first" in why
    enough = moved(make_subject, Places((), [granted(8)]), **group)
    assert isinstance(ask(accelerator.KIND, enough, told(0.95)), Advice)


def test_what_is_told_is_evidence_and_what_is_checked_is_not_asked_for_again(make_subject: Make) -> None:
    places = Places([offered("g6.xlarge", A)], [granted(64, used=40)])
    found = advised(ask(accelerator.KIND, moved(make_subject, places), told(0.95)))
    assert "ask for quota" not in found.command
    assert (
        found.evidence["zone_offers_type"] == "g6.xlarge is offered in us-east-1a, told on 2026-11-20 (aws/offerings)"
    )
    # 40 run, 4 of them stop, 4 come
    assert found.evidence["quota"] == (
        "40 of 64 vCPUs at once, Running On-Demand G and VT instances (L-DB2E81BA), told on 2026-11-20 (aws/offerings)"
    )


def test_where_the_cloud_does_not_tell_what_is_used_the_quota_is_still_asked_for(make_subject: Make) -> None:
    places = Places([offered("g6.xlarge", A)], [granted(64)])
    found = advised(ask(accelerator.KIND, moved(make_subject, places), told(0.95)))
    assert "# ask for quota of g6.xlarge in us-east-1 first\n" in found.command
    assert str(found.evidence["quota"]).endswith("(aws/offerings); what else is used is not told")


def test_spot_has_to_have_quota_of_its_own_for_all_that_run(make_subject: Make) -> None:
    """A p4d.24xlarge has 96 vCPUs, and what runs on demand is no part of the quota of spot."""

    def on_spot(amount: int) -> Answer:
        limit = granted(amount, ("p2*", "p3*", "p4*"), code="L-7212CCBC", purchase="spot")
        places = Places((), [limit])
        return ask(spot.KIND, replace(trainer(make_subject, places=places), places=places))

    assert isinstance(on_spot(96), Advice)
    reason, why = refused(on_spot(95))
    assert reason == "quota"
    assert "p4d.24xlarge on spot takes 96 vCPUs, and" in why


def test_a_type_of_which_no_vcpus_are_known_is_not_checked(make_subject: Make) -> None:
    own = OwnRatio(present="m7i.4xlarge", target="m8g.4xlarge", ratio=1.1, on=date(2026, 10, 1), source="bench/9")
    subject = processors(make_subject, zone=A, places=Places((), [granted(1, ("m[0-9]*",))]))
    found = advised(ask(arm_host.KIND, subject, Recommend(accelerator=Accelerators(measured=(own,)))))
    assert found.evidence["quota"] == NOT_CHECKED


@pytest.mark.parametrize("platform", ["managed_endpoint", "notebook", "ml_cluster"])
def test_what_a_service_manages_has_limits_of_its_own(make_subject: Make, platform: str) -> None:
    assert needs_of([make_subject(platform=platform)], "g6.xlarge", 1) is None


def test_what_is_needed_names_zones_purchase_and_whether_both_run(make_subject: Make) -> None:
    one, other = make_subject(zone=B), make_subject(zone=A)
    here = Place("aws", "111122223333", "us-east-1", AS_OF)
    found = needs_of([one, other], "g6.xlarge", 3)
    assert found is not None
    assert (found.place, found.zones, found.purchase) == (here, (A, B), "on_demand")
    assert (found.number, found.present, found.beside, found.together) == (3, "p4d.24xlarge", 2, False)
    there = needs_of([one], "g6.xlarge", 1, region="us-west-2", anew=True)
    assert there is not None
    assert (there.place.region, there.zones, there.beside, there.together) == ("us-west-2", (), 0, True)
    bought = needs_of([one], "p4d.24xlarge", 1, purchase="spot", anew=True)
    assert bought is not None
    assert (bought.purchase, bought.beside) == ("spot", 0)
    assert needs_of([make_subject(account=None)], "g6.xlarge", 1) is None
    assert needs_of([one], "g6.xlarge", 0) is None, "no machine is added"


def test_sharing_on_a_larger_type_needs_what_is_added_to_those_there_are(make_subject: Make) -> None:
    """Loads of 4 × 0.7 and 3 A10Gs take two g5.12xlarge (four each), of 48 vCPUs; one of them is there already."""

    def share(places: Places) -> Answer:
        services = []
        for number in range(5):
            name, count, load = ("g5.12xlarge", 4, 3.0) if number == 4 else ("g5.xlarge", 1, 0.7)
            machine = make_subject(
                resource_id=f"i-{number}", resource_key=number + 1, instance_type=name, accelerator_type="nvidia-a10g",
                accelerator_count=Decimal(count), stage="inference_online", model=f"m{number}", places=places,
            )  # fmt: skip
            services.append(service(make_subject, [member(machine, np.full(HOURS, load))]))
        (pool,) = pools(services)
        return ask(consolidate.KIND, replace(pool, places=places))

    found = advised(share(Places((), [granted(96)])))
    assert found.target == "g5.12xlarge"
    assert found.proposed.startswith("2 × ")
    assert str(found.evidence["quota"]).startswith("96 of 96 vCPUs at once")
    reason, why = refused(share(Places((), [granted(95)])))
    assert reason == "quota"
    assert "g5.12xlarge takes 48 vCPUs beside the 48 that run" in why
