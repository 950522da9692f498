{{- /* commonLabels cannot take the place of ours, on which selectors rely. */ -}}
{{- define "meshgraft.labels" -}}
{{- $ours := include "meshgraft.selector" . | fromYaml }}
{{- $_ := set $ours "app.kubernetes.io/version" .Chart.AppVersion }}
{{- $_ := set $ours "app.kubernetes.io/managed-by" .Release.Service }}
{{- $_ := set $ours "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version) }}
{{- merge $ours .Values.commonLabels | toYaml }}
{{- end }}

{{- define "meshgraft.selector" -}}
app.kubernetes.io/name: meshgraft
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "meshgraft.serviceAccount" -}}
{{ default "meshgraft" .Values.serviceAccount.name }}
{{- end }}

{{- define "meshgraft.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end }}
{{- end }}

{{- /* What decides what the controller does; plan and status in its pod take the same flags. */ -}}
{{- define "meshgraft.settings" -}}
- --default-policy={{ .Values.defaultPolicy }}
- --max-rollouts={{ .Values.maxRollouts }}
- --client-ip-mode={{ .Values.clientIP.mode }}
{{- if .Values.replace.enabled }}
- --replace-enabled
{{- end }}
{{- if .Values.releases.enabled }}
- --releases-enabled
{{- end }}
{{- if .Values.paused }}
- --paused
{{- end }}
{{- with .Values.namespaces.selector }}
- {{ printf "--namespace-selector=%s" . | quote }}
{{- end }}
{{- with .Values.gateway.namespaces }}
- --gateway-namespaces={{ join "," . }}
{{- end }}
{{- with .Values.gateway.trustedProxies }}
- --trusted-proxies={{ join "," . }}
{{- end }}
{{- with .Values.nacos.namespaces }}
- --nacos-namespaces={{ join "," . }}
{{- end }}
{{- with .Values.mesh.revision }}
- --mesh-revision={{ . }}
{{- end }}
{{- with .Values.mesh.rootNamespace }}
- --mesh-root-namespace={{ . }}
{{- end }}
{{- with .Values.mesh.clusterDomain }}
- --mesh-cluster-domain={{ . }}
{{- end }}
{{- end }}

{{- /* The rules of files/rbac.yaml (what `meshgraft reference rbac` prints) under the switches that are on. Its parts
begin with "# only with SWITCH": a value of this chart by its path, or --leader-elect, which is the Role's. */ -}}
{{- define "meshgraft.clusterRules" -}}
{{- $top := . }}
{{- $parts := splitList "# only with " (.Files.Get "files/rbac.yaml") }}
{{- first $parts | trim }}
{{- range rest $parts }}
{{- $switch := first (splitList "\n" .) }}
{{- if not (hasPrefix "--leader-elect" $switch) }}
{{- $on := false }}
{{- range splitList " or " $switch }}
{{- $value := $top.Values }}
{{- range splitList "." (trim .) }}
{{- $value = index $value . }}
{{- end }}
{{- $on = or $on $value }}
{{- end }}
{{- if $on }}
{{ . | trimPrefix $switch | trim }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "meshgraft.leaseRules" -}}
{{- range rest (splitList "# only with " (.Files.Get "files/rbac.yaml")) }}
{{- $switch := first (splitList "\n" .) }}
{{- if hasPrefix "--leader-elect" $switch }}
{{- . | trimPrefix $switch | trim }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The keys of values.yaml: values of an older chart lack some. */ -}}
{{- define "meshgraft.keys" -}}
image imagePullSecrets replicaCount defaultPolicy maxRollouts paused replace releases namespaces gateway clientIP nacos mesh leaderElection
logLevel logFormat extraArgs extraEnv serviceAccount rbac resources commonLabels podAnnotations podLabels
securityContext containerSecurityContext nodeSelector tolerations affinity topologySpreadConstraints priorityClassName
podDisruptionBudget networkPolicy monitoring
{{- end }}
