{{/* The sidecar, as an item of `initContainers`. Nothing where it is an ordinary container. */}}
{{- define "otp-sidecar.initContainer" -}}
{{- $s := dict -}}{{- include "otp-sidecar.scope" (dict "from" . "into" $s) -}}
{{- if include "otp-sidecar.isNative" $s.it -}}
{{ include "otp-sidecar.spec" $s.it }}
  restartPolicy: Always
{{- end -}}
{{- end -}}

{{/* The sidecar, as an item of `containers`. Nothing where it is a native sidecar. */}}
{{- define "otp-sidecar.container" -}}
{{- $s := dict -}}{{- include "otp-sidecar.scope" (dict "from" . "into" $s) -}}
{{- if not (include "otp-sidecar.isNative" $s.it) -}}
{{ include "otp-sidecar.spec" $s.it }}
  {{- if semverCompare ">=1.30.0-0" $s.it.Capabilities.KubeVersion.Version }}
  lifecycle:
    preStop:
      sleep: { seconds: {{ $s.it.Values.termination.pauseSeconds }} }
  {{- else }}
  lifecycle:
    preStop:
      # The image has no shell and no sleep.
      exec: { command: [/otp-sidecar, health, --live, --for, {{ $s.it.Values.termination.pauseSeconds }}s] }
  {{- end }}
{{- end -}}
{{- end -}}

{{/* What both forms have in common. Takes the scope. */}}
{{- define "otp-sidecar.spec" -}}
{{- $v := .Values -}}
- name: otp-sidecar
  image: {{ include "otp-sidecar.image" (dict "image" $v.image "tag" .Chart.AppVersion) | quote }}
  imagePullPolicy: {{ $v.image.pullPolicy }}
  args:
    {{- include "otp-sidecar.args" . | nindent 4 }}
  env:
    {{- include "otp-sidecar.env" . | nindent 4 }}
  ports:
    - { name: otp-traffic, containerPort: {{ $v.ports.traffic }}, protocol: TCP }
    - { name: otp-admin, containerPort: {{ $v.ports.admin }}, protocol: TCP }
  startupProbe:
    httpGet: { path: /livez, port: {{ $v.ports.admin }} }
    {{- toYaml $v.probes.startup | nindent 4 }}
  livenessProbe:
    httpGet: { path: /livez, port: {{ $v.ports.admin }} }
    {{- toYaml $v.probes.liveness | nindent 4 }}
  readinessProbe:
    httpGet: { path: {{ ternary "/readyz" "/livez" $v.probes.readinessNeedsState }}, port: {{ $v.ports.admin }} }
    {{- toYaml $v.probes.readiness | nindent 4 }}
  resources:
    {{- toYaml $v.resources | nindent 4 }}
  securityContext:
    {{- toYaml $v.securityContext | nindent 4 }}
  terminationMessagePolicy: FallbackToLogsOnError
  volumeMounts:
    {{- include "otp-sidecar.volumeMounts" . | nindent 4 }}
{{- end -}}

{{/* The flags: what `serve` alone needs. What other commands in the container need too is in its environment.
Takes the scope. */}}
{{- define "otp-sidecar.args" -}}
{{- $v := .Values -}}
{{- $set := $v.settings -}}
- serve
- --listen={{ $v.listenHost }}:{{ $v.ports.traffic }}
- --admin-listen={{ $v.listenHost }}:{{ $v.ports.admin }}
- --upstream={{ if $v.upstream.socket }}unix:{{ $v.upstream.socket }}{{ else }}http://127.0.0.1:{{ $v.upstream.port }}{{ end }}
- --drain={{ $v.termination.drain }}
- --log={{ $set.log }}
{{- range $flag, $value := dict "store-deadline" $set.storeDeadline "upstream-timeout" $set.upstreamTimeout "connect-timeout" $set.connectTimeout "header-timeout" $set.headerTimeout "max-connections" $set.maxConnections "max-body" $set.maxBody "audit" $set.audit }}
{{- with $value }}
- {{ printf "--%s=%v" $flag . | quote }}
{{- end }}
{{- end }}
{{- range $v.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{/* The store's URL as far as it is no secret. Takes the scope. */}}
{{- define "otp-sidecar.stateUrl" -}}
{{- if .Values.redis.enabled -}}
redis://{{ include "otp-sidecar.fullname" . }}-redis:6379/0
{{- else if eq .Values.state.kind "memory" -}}
memory
{{- else -}}
{{ .Values.state.url }}
{{- end -}}
{{- end -}}

{{/* The environment. Takes the scope. */}}
{{- define "otp-sidecar.env" -}}
{{ include "otp-sidecar.ownEnv" . }}
{{- range .Values.secretEnv }}
{{- include "otp-sidecar.fromSecret" . }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The environment as far as this chart makes it: `kubectl exec … /otp-sidecar status` and the like find the
sidecar, its state, its policies and its sender without a flag. Takes the scope. */}}
{{- define "otp-sidecar.ownEnv" -}}
{{- $v := .Values -}}
- name: RUST_LOG
  value: {{ $v.settings.logLevel | quote }}
{{- with $v.settings.traces }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
- name: OTP_SIDECAR_ADMIN
  value: http://127.0.0.1:{{ $v.ports.admin }}
- name: OTP_SIDECAR_POLICIES
  value: /etc/otp-sidecar/policies
{{- with include "otp-sidecar.stateUrl" . }}
- name: OTP_SIDECAR_STATE
  value: {{ . | quote }}
{{- end }}
{{- with $v.mail.from }}
- name: OTP_SIDECAR_MAIL_FROM
  value: {{ . | quote }}
{{- end }}
{{- range $file := include "otp-sidecar.flagFiles" . | fromYamlArray }}
- name: {{ $file.env }}
  value: /etc/otp-sidecar/secrets/{{ $file.file }}
{{- end }}
{{- if $v.mail.gmail.enabled }}
- name: OTP_SIDECAR_SMTP
  value: gmail
{{- include "otp-sidecar.fromSecret" (dict "env" "EMAIL_USER" "secret" $v.mail.gmail.secret.name "key" $v.mail.gmail.secret.userKey) }}
{{- include "otp-sidecar.fromSecret" (dict "env" "EMAIL_PASS" "secret" $v.mail.gmail.secret.name "key" $v.mail.gmail.secret.passwordKey) }}
{{- else if and $v.mail.enabled $v.mail.url }}
- name: OTP_SIDECAR_SMTP
  value: {{ $v.mail.url | quote }}
{{- end }}
{{- with (include "otp-sidecar.secrets" . | fromYaml).jwt }}
{{- include "otp-sidecar.fromSecret" (dict "env" "JWT_SECRET" "secret" . "key" $v.jwt.secret.key) }}
{{- end }}
{{- end -}}

{{/* One variable out of a secret. Takes a dict: env, secret, key. */}}
{{- define "otp-sidecar.fromSecret" }}
- name: {{ .env }}
  valueFrom:
    secretKeyRef: { name: {{ .secret }}, key: {{ .key }} }
{{- end -}}
