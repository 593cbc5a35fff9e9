"""What the accuracies say, in sentences that follow from the numbers, whoever is ahead."""

from keras_actx.commands.training import Trained


def verdict(one: Trained, other: Trained) -> str:
    """One sentence that compares two networks, seed by seed, on the same test images.

    One is called ahead only if it is for every seed, and there are several.
    """
    points = [100 * (mine - its) for mine, its in zip(one.accuracies, other.accuracies, strict=True)]
    former, latter = one.network.title, other.network.title
    mean, seeds = sum(points) / len(points), len(points)
    spread = f"{min(points):+.1f} to {max(points):+.1f}"
    if seeds == 1:
        return f"{former} against {latter}: {mean:+.1f} points, for one seed, which decides nothing."
    for word, sign in (("ahead of", 1), ("behind", -1)):
        if all(sign * one > 0 for one in points):
            average = f"by {abs(mean):.1f} points on average ({spread})"
            return f"{former} is {word} {latter} for each of {seeds} seeds, {average}."
    ahead = sum(one > 0 for one in points)
    return f"{former} against {latter}: {mean:+.1f} points on average ({spread}), ahead for {ahead} of {seeds} seeds."
