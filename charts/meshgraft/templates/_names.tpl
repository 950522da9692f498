{{- define "meshgraft.labels" -}}
app.kubernetes.io/name: meshgraft
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "meshgraft.selector" -}}
app.kubernetes.io/name: meshgraft
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "meshgraft.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default "meshgraft" .Values.serviceAccount.name }}{{ else }}{{ required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "meshgraft.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end }}
{{- end }}
