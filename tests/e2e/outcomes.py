"""The rows of the table that the tier prints at its end: what happened to a Service in a
scenario. Used by tests that count endpoints and writes; run.py prints what they told."""

rows = []


def tell(scenario, service, fewest, replicas, writes, scaling, outcome):
    """fewest: ready endpoints seen, of `replicas`; writes: of the controller in the namespace, `scaling` of them change
    nothing but a number of replicas; outcome: in a few words."""
    rows.append(f"| {scenario} | {service} | {fewest} of {replicas} | {writes}, {scaling} of them scaling | {outcome} |")
