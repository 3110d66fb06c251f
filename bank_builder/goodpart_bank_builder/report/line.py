"""On the line: what verdicts and costs are where fewer parts are defective than in the test set."""

from goodpart_bank_builder.evaluate.by_part import escapes, units_of
from goodpart_bank_builder.evaluate.costs import CostCurve
from goodpart_bank_builder.evaluate.figures import CategoryFigures, CategoryResult
from goodpart_bank_builder.evaluate.judged import counted


def right_of_rejected(figures: CategoryFigures) -> str | None:
    """How many of 100 rejected parts are defective on the line; None where the test set cannot say.

    By Bayes' rule: with a share r of defective parts, a share f of defects found and a false-reject rate q, it is
    `r * f / (r * f + (1 - r) * q)`. Without a false reject in the test set, q is the upper end of its interval.

    Args:
        figures: of one category.
    """
    cost, passed, rejects = figures.cost, figures.escapes, figures.false_rejects
    if cost is None or passed.value is None or rejects.value is None or rejects.high is None:
        return None
    found, rejected = 1.0 - passed.value, rejects.value or rejects.high
    right = cost.defect_rate * found
    if not right:
        return None
    share = 100.0 * right / (right + (1.0 - cost.defect_rate) * rejected)
    number = f"{share:.0f}" if share >= 1.0 else "fewer than 1"
    about = "about " if rejects.events else "at least "
    why = (
        ""
        if rejects.events
        else f" No good {figures.counted} was rejected here; this is the upper end of the interval."
    )
    tested = passed.of / (passed.of + rejects.of)
    return (
        f"On a line with {100 * cost.defect_rate:g} % defective parts, {about if share >= 1.0 else ''}{number} of 100 "
        f"rejected parts {'is' if number == '1' else 'are'} defective.{why} In this test set {100 * tested:.0f} % are "
        "defective, which is why more of its DEFECT verdicts are right. The option --defect-rate of goodpart-bank "
        "evaluate sets the share on the line."
    )


def prices(cost: CostCurve) -> str:
    """What a threshold's cost is to be compared with, and the assumptions, in words."""
    return (
        f"no inspection {cost.cost_of_no_inspection:.3g} (every defect escapes), rejecting all "
        f"{cost.cost_of_rejecting_all:.3g}, in units of one false reject; assumed: an escape costs "
        f"{cost.escape_cost:g} (--escape-cost), {100 * cost.defect_rate:g} % of parts are defective (--defect-rate)"
    )


def worse_than_no_inspection(result: CategoryResult) -> str | None:
    """That a threshold costs more than letting every part pass; None where the one in use costs less.

    Args:
        result: of one category.
    """
    cost = result.figures.cost
    if cost is None or cost.cost_at_threshold < cost.cost_of_no_inspection:
        return None
    assumed = (
        f"if an escape costs {cost.escape_cost:g} false rejects and {100 * cost.defect_rate:g} % of the parts are "
        "defective"
    )
    costs = (
        f"The threshold in use costs {cost.cost_at_threshold:.3g} per part, no inspection at all "
        f"{cost.cost_of_no_inspection:.3g}, {assumed}."
    )
    if cost.best_cost >= cost.cost_of_no_inspection:
        costs += " No other threshold is cheaper than no inspection either."
    else:
        passed = escapes(units_of(result.images, result.figures.rate_unit), threshold=cost.best_threshold)
        costs += (
            f" The cheapest threshold in this test set, {cost.best_threshold:.2f}, costs {cost.best_cost:.3g} and lets "
            f"{passed.events} of {counted(passed.of, 'defective', result.figures.counted)} pass."
        )
    return f"{costs} Give your own prices: --escape-cost and --defect-rate of goodpart-bank evaluate."
