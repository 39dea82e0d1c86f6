"""The figures of this benchmark: more is better, or the ratio to the peer is what was promised."""
import statistics

from report import Result, rounded


class AtLeast(Result):
    """The target is met when the value is at least limit."""

    @property
    def ok(self):
        return self.value >= self.limit


class Paired(Result):
    """Adjacent measurements of a switch and of its peer, one pair after the other. The ratio is the
    median of the pairs' ratios, not the ratio of the medians, for the host's speed changes between
    pairs; the target is met when it is at least limit. `extra` joins the JSON object as it is."""

    extra = {}

    @property
    def ratios(self):
        return [mine / theirs for mine, theirs in zip(self.samples, self.peer_samples)]

    @property
    def ratio(self):
        return statistics.median(self.ratios)

    @property
    def ok(self):
        return self.ratio >= self.limit

    def as_object(self):
        return super().as_object() | {"ratios": [rounded(r) for r in self.ratios]} | self.extra


class Alone(Result):
    """A figure whose peer is not there: nothing to compare with, so nothing is met."""

    extra = {}

    @property
    def ok(self):
        return False

    def as_object(self):
        return super().as_object() | self.extra
