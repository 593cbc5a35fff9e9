"""What the accuracies say, in sentences that follow from the numbers, whoever is ahead."""

import math

from keras_actx.commands.training import Trained

_UNLIKELY = 0.05


def verdict(one: Trained, other: Trained) -> str:
    """One sentence that compares two networks on the same test images.

    Only images that one recognizes and the other does not say anything. If the networks were equally good, each such
    image would be a coin toss; the probability of a split at least as uneven is McNemar's exact test.
    """
    won = int((one.correct & ~other.correct).sum())
    lost = int((other.correct & ~one.correct).sum())
    points = 100 * (one.accuracy - other.accuracy)
    former, latter = one.network.title, other.network.title
    if won + lost == 0:
        return f"{former} and {latter} recognize exactly the same images."
    chance = sign_test(won, lost)
    split = f"{won} images only the former recognizes, {lost} only the latter, p = {chance:.2g}"
    if chance >= _UNLIKELY:
        return f"{former} against {latter}: {points:+.1f} points, a difference that chance explains ({split})."
    place = "ahead of" if won > lost else "behind"
    return f"{former} is {place} {latter} by {abs(points):.1f} points, more than chance explains ({split})."


def sign_test(won: int, lost: int) -> float:
    """The two-sided probability that `won + lost` fair tosses split at least as unevenly."""
    tosses, fewer = won + lost, min(won, lost)
    return min(1.0, 2 * sum(math.comb(tosses, count) for count in range(fewer + 1)) / 2**tosses)
