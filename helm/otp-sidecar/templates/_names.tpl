{{/* Names and labels. All of these take the scope of this chart, as otp-sidecar.scope finds it. */}}

{{- define "otp-sidecar.name" -}}
{{- .Values.nameOverride | default "otp-sidecar" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "otp-sidecar.fullname" -}}
{{- $name := include "otp-sidecar.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- /* Room for the endings of the objects. */ -}}
{{- .Values.fullnameOverride | default $full | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The labels of the wallet's pods: of those that this chart makes, or of those that it is told. */}}
{{- define "otp-sidecar.selector" -}}
{{- if .Values.wallet.image.repository -}}
app.kubernetes.io/name: {{ include "otp-sidecar.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- else -}}
{{- toYaml .Values.selector -}}
{{- end -}}
{{- end -}}

{{- define "otp-sidecar.labels" -}}
app.kubernetes.io/name: {{ include "otp-sidecar.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The metadata of an object. Takes a dict: it (the scope), suffix, labels, annotations. */}}
{{- define "otp-sidecar.metadata" -}}
name: {{ .name | default (printf "%s%s" (include "otp-sidecar.fullname" .it) (.suffix | default "")) }}
labels:
  {{- include "otp-sidecar.labels" .it | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (.annotations | default dict) .it.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* An image as Kubernetes names it. Takes a dict: image, tag (where the image names none). */}}
{{- define "otp-sidecar.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .tag }}
{{- end -}}
{{- end -}}

{{/* The labels of the trial Redis. Takes the scope. */}}
{{- define "otp-sidecar.redisSelector" -}}
app.kubernetes.io/name: {{ include "otp-sidecar.name" . }}-redis
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* What a monitor scrapes. Takes the scope. */}}
{{- define "otp-sidecar.endpoint" -}}
- port: otp-admin
  path: /metrics
  interval: {{ .Values.monitor.interval }}
  relabelings:
    # The name that the rules ask for.
    - { targetLabel: job, replacement: otp-sidecar, action: replace }
{{- end -}}
