"""Spells the queries, so that each of them is scoped, rated and aggregated in the same way.

Counters and histograms belong to one replica: their rates are summed. The gauges that `docs/metrics.md` calls
*shared* are the same on every replica: they are aggregated with `max`, and only different installations are summed.
"""

SCOPE = 'namespace=~"$namespace", job=~"$job", instance=~"$instance"'
PURPOSE = 'purpose=~"$purpose"'

# The window of the panels that answer "now". It is that of the alerts, so that panel and alert agree.
NOW = "5m"


def select(metric: str, *matchers: str) -> str:
    """The series of a metric that the variables of the dashboard select."""
    return f"{metric}{{{', '.join((SCOPE, *matchers))}}}"


def rate(metric: str, *matchers: str) -> str:
    """Per second, over as long as the resolution of the panel asks for."""
    return f"rate({select(metric, *matchers)}[$__rate_interval])"


def increase(metric: str, window: str, *matchers: str) -> str:
    """How many within a window of a fixed length."""
    return f"increase({select(metric, *matchers)}[{window}])"


def total(expression: str, *by: str) -> str:
    """The sum over everything but these labels."""
    return f"{_aggregation('sum', by)} ({expression})"


def highest(expression: str, *by: str) -> str:
    """The maximum over everything but these labels."""
    return f"{_aggregation('max', by)} ({expression})"


def shared(metric: str, *by: str, matchers: tuple[str, ...] = ()) -> str:
    """A number that all replicas of an installation share, summed over installations."""
    return total(highest(select(metric, *matchers), "namespace", "job", *by), *by)


def share(part: str, whole: str) -> str:
    """A part of a whole, both aggregated alike. No point where the whole is 0: nothing is not 0 %."""
    return f"{part} / ({whole} > 0)"


def shares(parts: str, whole: str) -> str:
    """The share of each of several parts of one whole, which has no labels."""
    return f"{parts} / on () group_left () ({whole} > 0)"


def per_minute(expression: str) -> str:
    """A rate per second as one per minute."""
    return f"60 * {expression}"


def quantile(which: float, metric: str, *by: str, matchers: tuple[str, ...] = (), window: str | None = None) -> str:
    """A quantile of a histogram; over a fixed window, or over as long as the resolution asks for."""
    bucket = f"{metric}_bucket"
    grown = rate(bucket, *matchers) if window is None else increase(bucket, window, *matchers)
    return f"histogram_quantile({which}, {total(grown, *by, 'le')})"


def of_action(action: str, expression: str) -> str:
    """Of series by route, those of the routes that do this, whatever a policy calls them."""
    routes = highest(select("otp_sidecar_route_info", f'action="{action}"'), "namespace", "job", "route")
    return f"{expression} * on (namespace, job, route) group_left () {routes}"


def average(metric: str, *by: str, matchers: tuple[str, ...] = ()) -> str:
    """The mean of a histogram."""
    return share(total(rate(f"{metric}_sum", *matchers), *by), total(rate(f"{metric}_count", *matchers), *by))


def within(metric: str, bound: str, *matchers: str, window: str = NOW) -> str:
    """The share of a histogram's observations that were not above a bound, which must be one of its buckets."""
    # Prometheus 3 writes the bound 10 as 10.0.
    good = total(increase(f"{metric}_bucket", window, f'le=~"{bound}(\\\\.0)?"', *matchers))
    return share(good, total(increase(f"{metric}_count", window, *matchers)))


def _aggregation(name: str, by: tuple[str, ...]) -> str:
    return f"{name} by ({', '.join(by)})" if by else name
