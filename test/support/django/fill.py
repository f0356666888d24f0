"""Rows for the site, to be run in its shell."""

import datetime
import decimal
import uuid

from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from zoo.models import Animal, Bird, Cage, Keeper

utc = datetime.timezone.utc
group = Group.objects.create(name="vets")
group.permissions.set(Permission.objects.filter(codename__endswith="_animal"))
ann = User.objects.create_user("ann", "ann@example.org", "secret")
ann.groups.add(group)
ann.user_permissions.add(Permission.objects.get(codename="add_bird"))
bob = User.objects.create_user("bob")
one = Keeper.objects.create(badge="K-1", user=ann)
two = Keeper.objects.create(badge="K-2", user=bob, boss=one)
one.friends.add(two)
cages = [Cage.objects.create(keeper=keeper, number=number) for keeper in (one, two) for number in (1, 2)]
for number in range(20):
    animal = (Bird if number % 5 == 0 else Animal)(
        id=uuid.UUID(int=number + 1),
        name=f"n° {number} \"quoted\" \\ back\nline 🎧",
        cage=cages[number % 4],
        weight=decimal.Decimal("12345.6789") if number % 2 else None,
        ratio=0.1 * number,
        tame=number % 3 == 0,
        born=datetime.date(1999, 12, 31),
        wakes=datetime.time(6, 30, 0, 123000),
        seen=datetime.datetime(2024, 2, 29, 23, 59, 59, 123000, tzinfo=utc),
        sleeps=datetime.timedelta(days=-1, hours=2, microseconds=5),
        photo=bytes([0, 255, 10, 92]),
        facts=[{"b": [1, 2.5, None], "a": {"ü": "x\ny"}}, "5", "text", True, 7, [], None][number % 7],
        chip=9223372036854775807 - number,
        kind=ContentType.objects.get_for_model(Keeper),
    )
    animal.save()
    animal.keepers.add(one, *([two] if number % 2 else []))
# A dump keeps milliseconds only.
User.objects.update(date_joined=datetime.datetime(2024, 1, 1, 10, 0, 0, 123000, tzinfo=utc))
