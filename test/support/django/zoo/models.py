"""Keys of every kind: natural ones, nested ones, a tree, a parent's, a UUID; and values of every kind."""

import uuid

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import models


class KeeperManager(models.Manager):
    def get_by_natural_key(self, badge):
        return self.get(badge=badge)


class Keeper(models.Model):
    badge = models.CharField(max_length=20, unique=True)
    user = models.OneToOneField(User, null=True, on_delete=models.SET_NULL)
    boss = models.ForeignKey("self", null=True, on_delete=models.SET_NULL)
    friends = models.ManyToManyField("self")
    objects = KeeperManager()

    def natural_key(self):
        return (self.badge,)


class CageManager(models.Manager):
    def get_by_natural_key(self, number, keeper):
        return self.get(number=number, keeper__badge=keeper)


class Cage(models.Model):
    keeper = models.ForeignKey(Keeper, on_delete=models.CASCADE)
    number = models.IntegerField()
    objects = CageManager()

    class Meta:
        unique_together = [("keeper", "number")]

    # Not in the order of the columns.
    def natural_key(self):
        return (self.number, *self.keeper.natural_key())


class Animal(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=50)
    cage = models.ForeignKey(Cage, null=True, on_delete=models.CASCADE)
    keepers = models.ManyToManyField(Keeper)
    weight = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    ratio = models.FloatField(null=True)
    tame = models.BooleanField(default=False)
    born = models.DateField(null=True)
    wakes = models.TimeField(null=True)
    seen = models.DateTimeField(null=True)
    sleeps = models.DurationField(null=True)
    photo = models.BinaryField(null=True)
    facts = models.JSONField(null=True)
    chip = models.BigIntegerField(null=True)
    kind = models.ForeignKey(ContentType, null=True, on_delete=models.CASCADE)


class Bird(Animal):
    song = models.TextField(default="")
