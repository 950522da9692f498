#include "cmd/key_table.h"

#include <array>

#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

constexpr std::string_view kLabel = "label";
constexpr std::string_view kAnnotation = "annotation";
constexpr std::string_view kWritten = "annotation, written by meshgraft";

constexpr std::array kTable{
    KeyInfo{keys::kApp, kLabel, "Namespace", "a DNS label",
            "Join this namespace's services to the self-built app of that name."},
    KeyInfo{keys::kGateway, kLabel, "Namespace", "`ingress-nginx`",
            "The ingress-nginx controllers in this namespace serve the mesh."},
    KeyInfo{keys::kPolicy, kAnnotation, "Namespace", "`observe`, `join`, `replace` (the chart's `defaultPolicy`, there `join`)",
            "observe: plan and report, write nothing. join: patch in place, one rolling restart, delete nothing. replace: as join, but also re-create, without an outage, the "
            "Deployments whose immutable selector keeps KubeSphere from governing them; needs the chart's `replace.enabled`."},
    KeyInfo{keys::kVersion, kAnnotation, "Namespace, Deployment, StatefulSet", "1 to 16 of a-z and 0-9 (`v1`)",
            "The version label of workloads that have none."},
    KeyInfo{keys::kInject, kAnnotation, "Namespace", "`all`, `listed` (`all`)",
            "Which members get a sidecar: all of them, or only those that say so themselves."},
    KeyInfo{keys::kInject, kAnnotation, "Deployment, StatefulSet", "`\"true\"`, `\"false\"`",
            "Sidecar or none for this workload, whatever the namespace and every default say."},
    KeyInfo{keys::kService, kAnnotation, "Deployment, StatefulSet", "name of a Service",
            "Which Service this workload belongs to, when several select it."},
    KeyInfo{keys::kProtocolPrefix, kAnnotation, "Service", "`http`, `http2`, `grpc`, `tcp`",
            "The protocol of a port (its number ends the key: `meshgraft.io/protocol.8080`), where nothing else tells."},
    KeyInfo{keys::kExclude, kAnnotation, "any member", "`\"true\"`", "Leave this object alone, and undo what was done to it."},
    KeyInfo{keys::kReplace, kAnnotation, "Deployment", "`\"true\"`, `\"false\"`",
            "Re-create this one whatever the policy, or never. `\"false\"` is also written by meshgraft on a Deployment that is created in a joined namespace with policy replace."},
    KeyInfo{keys::kManifestsUpdated, kAnnotation, "Namespace, Deployment", "`\"true\"`",
            "The owner says that the manifests people apply carry the new selector, or that nobody applies them."},
    KeyInfo{keys::kNaming, kAnnotation, "Namespace", "`same`, `versioned` (`same`)",
            "How a replaced Deployment is called: as before, or `<service>-<version>` as KubeSphere's console does. The new one comes beside the old, which goes last; HorizontalPodAutoscalers follow."},
    KeyInfo{keys::kAcceptOutage, kAnnotation, "Namespace, workload", "`\"true\"`",
            "A workload that cannot restart without a gap (a single pod on a hostPort; Recreate; maxSurge 0 with one replica) may be restarted."},
    KeyInfo{keys::kSplitIngress, kAnnotation, "Ingress", "`\"true\"`", "One Ingress for each Service, made without a gap, instead of variables in one; one again, without a gap, when the annotation goes."},
    KeyInfo{keys::kRewriteRedirects, kAnnotation, "Ingress", "`\"true\"`",
            "Redirects of the backend to its inside name are rewritten to the public one."},
    KeyInfo{keys::kMaxRollouts, kAnnotation, "Namespace", "1 to 100 (1)",
            "Workloads of this namespace restarting because of meshgraft at one time; the chart's `maxRollouts` (3) caps the cluster."},
    KeyInfo{keys::kPaused, kAnnotation, "Namespace", "`\"true\"`",
            "Change nothing here, go on observing. The chart's `paused: true` does so everywhere."},
    KeyInfo{keys::kRetry, kAnnotation, "workload, Strategy", "any new value", "Try a held workload, or a held release, again; and at once what was given up because somebody kept changing it back (MG913)."},
    KeyInfo{keys::kPromote, kAnnotation, "Strategy", "`\"true\"`, `template`",
            "Carry the release to its end: gray takes every request, the principal gets gray's images, takes every request back, then gray and the Strategy go. `template`: env and resources too. "
            "Needs the chart's `releases.enabled`. Taken off on the way, the release stops where it is, and the traffic stays where it is then."},
    KeyInfo{keys::kAbort, kAnnotation, "Strategy", "`\"true\"`",
            "Take the release back, also from the middle of a promotion: the principal gets its former images if it had gray's already, takes every request, then gray and the Strategy go. Needs the chart's `releases.enabled`."},
    KeyInfo{keys::kUndo, kWritten, "every object touched", "JSON with the object's uid",
            "The fields that meshgraft owns, and the values it overwrote. Bound to the uid: a copy on another object is ignored."},
    KeyInfo{keys::kHeld, kWritten, "workload, Strategy", "reason", "Its restart, or the principal's with gray's images, failed and was rolled back; not touched until it changes or `meshgraft.io/retry` does."},
    KeyInfo{keys::kSplitFrom, kWritten, "Ingress", "name of an Ingress", "This Ingress has some of that one's paths; it goes when that one has them again."},
    KeyInfo{keys::kRecord, kLabel, "ControllerRevision", "`replace`",
            "Written by meshgraft: the record of a Deployment that is being re-created. Removed when that is done. A finalizer of the same name keeps it until then, whoever deletes it (MG119)."},
    KeyInfo{keys::kTouchedAt, kWritten, "Application", "fingerprint of the members", "Makes KubeSphere look at the members again."},
    KeyInfo{keys::kStatus, kWritten, "Namespace", "one line", "`joined 11/12, rolling 1, held 0, findings 2 (MG203 MG401)`; written only when it changes."},
};

}  // namespace

std::span<const KeyInfo> key_table() { return kTable; }

}  // namespace meshgraft
