// The names of stages, verbs, impacts and phases, as people and machines read them.

#include "reconcilers/types.h"

namespace meshgraft {

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::rollback:
      return "rollback";
    case Stage::back_service_annotation:
      return "back-service-annotation";
    case Stage::back_virtual_service:
      return "back-virtual-service";
    case Stage::back_destination_rule:
      return "back-destination-rule";
    case Stage::back_ingress:
      return "back-ingress";
    case Stage::back_gateway_template:
      return "back-gateway-template";
    case Stage::back_envoy_filter:
      return "back-envoy-filter";
    case Stage::back_gateway_config:
      return "back-gateway-config";
    case Stage::back_service_ports:
      return "back-service-ports";
    case Stage::back_ingress_backend:
      return "back-ingress-backend";
    case Stage::back_template:
      return "back-template";
    case Stage::back_metadata:
      return "back-metadata";
    case Stage::back_application:
      return "back-application";
    case Stage::back_middleware_ports:
      return "back-middleware-ports";
    case Stage::middleware_ports:
      return "middleware-ports";
    case Stage::member_metadata:
      return "member-metadata";
    case Stage::member_replace:
      return "member-replace";
    case Stage::member_template:
      return "member-template";
    case Stage::service_ports:
      return "service-ports";
    case Stage::service_annotation:
      return "service-annotation";
    case Stage::application:
      return "application";
    case Stage::ingress_backend:
      return "ingress-backend";
    case Stage::ingress:
      return "ingress";
    case Stage::gateway_config:
      return "gateway-config";
    case Stage::envoy_filter:
      return "envoy-filter";
    case Stage::gateway_metadata:
      return "gateway-metadata";
    case Stage::gateway_template:
      return "gateway-template";
    case Stage::release:
      return "release";
    case Stage::namespace_status:
      return "namespace-status";
  }
  return "unknown";
}

std::string_view to_string(Verb verb) {
  switch (verb) {
    case Verb::apply:
      return "apply";
    case Verb::restore:
      return "restore";
    case Verb::edit:
      return "edit";
    case Verb::create:
      return "create";
    case Verb::remove:
      return "remove";
    case Verb::orphan:
      return "orphan";
    case Verb::scale:
      return "scale";
  }
  return "unknown";
}

std::string_view to_string(Impact impact) {
  switch (impact) {
    case Impact::none:
      return "none";
    case Impact::traffic:
      return "traffic";
    case Impact::restart:
      return "restart";
  }
  return "unknown";
}

std::string_view to_string(MemberPhase phase) {
  switch (phase) {
    case MemberPhase::waiting:
      return "waiting";
    case MemberPhase::rolling:
      return "rolling";
    case MemberPhase::joined:
      return "joined";
    case MemberPhase::held:
      return "held";
    case MemberPhase::blocked:
      return "blocked";
    case MemberPhase::excluded:
      return "excluded";
  }
  return "unknown";
}

std::string_view to_string(ReleasePhase phase) {
  switch (phase) {
    case ReleasePhase::sharing:
      return "sharing";
    case ReleasePhase::promoting:
      return "promoting";
    case ReleasePhase::aborting:
      return "aborting";
    case ReleasePhase::held:
      return "held";
    case ReleasePhase::refused:
      return "refused";
  }
  return "unknown";
}

std::string_view to_string(ReleaseStep step) {
  switch (step) {
    case ReleaseStep::none:
      return "none";
    case ReleaseStep::recording:
      return "recording";
    case ReleaseStep::to_gray:
      return "to gray";
    case ReleaseStep::updating:
      return "updating the principal";
    case ReleaseStep::restoring:
      return "restoring the principal";
    case ReleaseStep::to_principal:
      return "to the principal";
    case ReleaseStep::removing_gray:
      return "removing gray";
    case ReleaseStep::closing:
      return "closing";
  }
  return "unknown";
}

}  // namespace meshgraft
