"""Is what was written to the API server in force by now? It answers from caches of its own: of webhooks, and of the kinds
that CRDs define. Questions that cluster.py waits for; they change nothing (dry runs)."""

from api import path_of


def webhooks_trusted(api):
    """Has istiod written its CA into every webhook, and lets them fail closed?"""
    hooks = [h for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
             for configuration in api.list(kind) for h in configuration["webhooks"]]
    return all(h["clientConfig"].get("caBundle") and h["failurePolicy"] == "Fail" for h in hooks)


def webhooks_asked(api):
    """The API server reads its webhooks from a cache: does it inject and refuse by now?"""
    def tried(kind, body):
        return api.raw("POST", path_of(kind, "default"), body, query={"dryRun": "All"})
    code, pod = tried("Pod", {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "injected", "labels": {"sidecar.istio.io/inject": "true"}},
        "spec": {"containers": [{"name": "one", "image": "one"}]}})
    if code != 201 or "istio-proxy" not in [c["name"] for part in ("containers", "initContainers") for c in pod["spec"].get(part, [])]:
        return False
    code, status = tried("EnvoyFilter", {
        "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": {"name": "wrong"},
        "spec": {"configPatches": [{"applyTo": "HTTP_ROUTE", "match": {"listener": {"filterChain": {"name": "x"}}},
                                    "patch": {"operation": "MERGE", "value": {}}}]}})
    return code >= 400 and "validation.istio.io" in status["message"]


def served(cluster, definitions):
    """Established is what was decided: does the API server answer for the kinds of these CRDs by now, and name them to clients
    that ask what there is?"""
    for spec in (d["spec"] for d in definitions):
        for version in spec["versions"]:
            if version["served"] and cluster.api.raw("GET", f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}")[0] != 200:
                return False
    told = set(cluster.kubectl("api-resources", "--cached=false", "-o", "name").split())
    return {d["metadata"]["name"] for d in definitions} <= told
