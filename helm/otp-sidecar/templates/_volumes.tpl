{{/* Items of the pod's `volumes`. */}}
{{- define "otp-sidecar.volumes" -}}
{{- $s := dict -}}{{- include "otp-sidecar.scope" (dict "from" . "into" $s) -}}
{{- $v := $s.it.Values -}}
- name: otp-sidecar-policies
  projected:
    sources:
      - configMap:
          name: {{ $v.policies.existingConfigMap | default (printf "%s-policies" (include "otp-sidecar.fullname" $s.it)) }}
      {{- with include "otp-sidecar.templateFiles" $s.it | fromYamlArray }}
      - configMap:
          name: {{ $v.policies.existingTemplates.configMap | default (printf "%s-templates" (include "otp-sidecar.fullname" $s.it)) }}
          items:
            {{- range . }}
            - { key: {{ . }}, path: templates/{{ . }} }
            {{- end }}
      {{- end }}
{{- with include "otp-sidecar.secretFiles" $s.it | fromYamlArray }}
- name: otp-sidecar-secrets
  projected:
    # For whatever user the sidecar runs as; nobody else is in its container.
    defaultMode: 0444
    sources:
      {{- range . }}
      - secret:
          name: {{ .secret }}
          items: [{ key: {{ .key }}, path: {{ .file }} }]
      {{- end }}
{{- end }}
{{- if $v.upstream.socket }}
- name: otp-sidecar-socket
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
{{- end }}
{{- with $v.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Mounts of the sidecar: whole folders, so that a change arrives. Takes the scope. */}}
{{- define "otp-sidecar.volumeMounts" -}}
- { name: otp-sidecar-policies, mountPath: /etc/otp-sidecar/policies, readOnly: true }
{{- if include "otp-sidecar.secretFiles" . | fromYamlArray }}
- { name: otp-sidecar-secrets, mountPath: /etc/otp-sidecar/secrets, readOnly: true }
{{- end }}
{{- with .Values.upstream.socket }}
- { name: otp-sidecar-socket, mountPath: {{ dir . }} }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The mount of the wallet's container that a unix socket needs; nothing otherwise. */}}
{{- define "otp-sidecar.walletVolumeMounts" -}}
{{- $s := dict -}}{{- include "otp-sidecar.scope" (dict "from" . "into" $s) -}}
{{- with $s.it.Values.upstream.socket -}}
- { name: otp-sidecar-socket, mountPath: {{ dir . }} }
{{- end -}}
{{- end -}}

{{/* The wallet's environment: where to listen. */}}
{{- define "otp-sidecar.walletEnv" -}}
{{- $s := dict -}}{{- include "otp-sidecar.scope" (dict "from" . "into" $s) -}}
{{- $v := $s.it.Values -}}
{{- if not $v.upstream.socket -}}
{{- with $v.wallet.hostEnv -}}
- { name: {{ . }}, value: "127.0.0.1" }
{{- end }}
{{- with $v.wallet.portEnv }}
- { name: {{ . }}, value: {{ $v.upstream.port | quote }} }
{{- end }}
{{- end -}}
{{- end -}}

{{/* The names of the secrets that are used, by what they are for; nothing for what is not. Takes the scope. */}}
{{- define "otp-sidecar.secrets" -}}
{{- $v := .Values -}}
{{- $redis := and (eq $v.state.kind "redis") (not $v.redis.enabled) -}}
{{- $many := or $v.redis.enabled (eq $v.state.kind "redis") -}}
{{- $relay := and $v.mail.enabled (not $v.mail.url) (not $v.mail.gmail.enabled) -}}
{{- dict
  "state" ($v.state.secret.name | default (ternary $v.existingSecret "" (and $redis (not $v.state.url))))
  "codeKeys" ($v.codeKeys.secret.name | default (ternary $v.existingSecret "" $many))
  "smtp" (ternary ($v.mail.secret.name | default (ternary $v.existingSecret "" $relay)) "" $v.mail.enabled)
  "jwt" ($v.jwt.secret.name | default $v.existingSecret)
  "admin" $v.adminToken.secret.name
  | toYaml -}}
{{- end -}}

{{/* Secrets that a flag takes as a file, as a list of env, file, secret, key. Takes the scope. */}}
{{- define "otp-sidecar.flagFiles" -}}
{{- $v := .Values -}}
{{- $names := include "otp-sidecar.secrets" . | fromYaml -}}
{{- $files := list -}}
{{- with $names.state -}}
{{- $files = append $files (dict "env" "OTP_SIDECAR_STATE_FILE" "file" "state" "secret" . "key" $v.state.secret.key) -}}
{{- end -}}
{{- with $names.codeKeys -}}
{{- $files = append $files (dict "env" "OTP_SIDECAR_CODE_KEYS_FILE" "file" "code-keys" "secret" . "key" $v.codeKeys.secret.key) -}}
{{- end -}}
{{- with $names.smtp -}}
{{- $files = append $files (dict "env" "OTP_SIDECAR_SMTP_FILE" "file" "smtp" "secret" . "key" $v.mail.secret.key) -}}
{{- end -}}
{{- with $names.admin -}}
{{- $files = append $files (dict "env" "OTP_SIDECAR_ADMIN_TOKEN_FILE" "file" "admin-token" "secret" . "key" $v.adminToken.secret.key) -}}
{{- end -}}
{{- toYaml $files -}}
{{- end -}}

{{/* The same and those that a policy names. Takes the scope. */}}
{{- define "otp-sidecar.secretFiles" -}}
{{- toYaml (concat (include "otp-sidecar.flagFiles" . | fromYamlArray) .Values.secretFiles) -}}
{{- end -}}

{{/* The names of the templates. Takes the scope. */}}
{{- define "otp-sidecar.templateFiles" -}}
{{- if .Values.policies.existingConfigMap -}}
{{- toYaml .Values.policies.existingTemplates.files -}}
{{- else -}}
{{- keys (include "otp-sidecar.templates" . | fromYaml) | sortAlpha | toYaml -}}
{{- end -}}
{{- end -}}

{{/* Templates and their texts. Takes the scope. */}}
{{- define "otp-sidecar.templates" -}}
{{- $texts := dict -}}
{{- if .Values.policies.shipped -}}
{{- range $path, $bytes := .Files.Glob "files/policies/templates/*" -}}
{{- $_ := set $texts (base $path) (toString $bytes) -}}
{{- end -}}
{{- end -}}
{{- /* toYaml cuts the last line break, which may be that of a text. */ -}}
{{- printf "%s\n" (toYaml (mergeOverwrite $texts .Values.policies.templates)) -}}
{{- end -}}

{{/* Policies and their texts. Takes the scope. */}}
{{- define "otp-sidecar.policies" -}}
{{- $texts := dict -}}
{{- if .Values.policies.shipped -}}
{{- range $path, $bytes := .Files.Glob "files/policies/*.yaml" -}}
{{- $_ := set $texts (base $path) (toString $bytes) -}}
{{- end -}}
{{- end -}}
{{- /* toYaml cuts the last line break, which may be that of a text. */ -}}
{{- printf "%s\n" (toYaml (mergeOverwrite $texts .Values.policies.files)) -}}
{{- end -}}
