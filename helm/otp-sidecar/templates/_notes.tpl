{{/* What NOTES.txt says of these values. All of these take the scope. */}}

{{/* The secrets that the pods name, the wallet's too, as a list. */}}
{{- define "otp-sidecar.secretNames" -}}
{{- $names := list -}}
{{- range include "otp-sidecar.secretFiles" . | fromYamlArray -}}{{- $names = append $names .secret -}}{{- end -}}
{{- range include "otp-sidecar.env" . | fromYamlArray -}}
{{- with dig "valueFrom" "secretKeyRef" "name" "" . -}}{{- $names = append $names . -}}{{- end -}}
{{- end -}}
{{- range concat .Values.wallet.env .Values.wallet.envFrom -}}
{{- with dig "valueFrom" "secretKeyRef" "name" (dig "secretRef" "name" "" .) . -}}{{- $names = append $names . -}}{{- end -}}
{{- end -}}
{{- $names | uniq | sortAlpha | toYaml -}}
{{- end -}}

{{/* `otp-sidecar inject` with the flags that make the same container, as far as it can. */}}
{{- define "otp-sidecar.injectLine" -}}
{{- $v := .Values -}}
{{- $full := include "otp-sidecar.fullname" . -}}
{{- $flags := list "otp-sidecar inject --image" (include "otp-sidecar.image" (dict "image" $v.image "tag" .Chart.AppVersion)) -}}
{{- $flags = concat $flags (list "--policies" ($v.policies.existingConfigMap | default (printf "%s-policies" $full))) -}}
{{- with include "otp-sidecar.templateFiles" . | fromYamlArray -}}
{{- $flags = concat $flags (list "--templates" ($v.policies.existingTemplates.configMap | default (printf "%s-templates" $full))) -}}
{{- /* Those that are shipped need no mention. */ -}}
{{- if ne (join "," .) "wallet_deduction.html,wallet_deduction.txt,wallet_funding.html,wallet_funding.txt" -}}
{{- $flags = append $flags (printf "--template-files %s" (join "," .)) -}}
{{- end -}}
{{- end -}}
{{- $flags = concat $flags (list "--secret" ($v.existingSecret | default "otp-sidecar")) -}}
{{- if and (eq $v.state.kind "memory") (not $v.redis.enabled) -}}{{- $flags = append $flags "--state memory" -}}{{- end -}}
{{- with $v.mail.from -}}{{- $flags = append $flags (printf "--mail-from '%s'" (replace "'" "'\\''" .)) -}}{{- end -}}
{{- with $v.settings.audit -}}
{{- $flags = append $flags (printf "--audit %s" .) -}}
{{- $audit := . -}}
{{- range $v.extraVolumeMounts -}}
{{- if eq (dir $audit) (trimSuffix "/" .mountPath) -}}{{- $flags = append $flags (printf "--audit-volume %s" .name) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if ne (int $v.ports.traffic) 7145 -}}{{- $flags = append $flags (printf "--listen-port %v" $v.ports.traffic) -}}{{- end -}}
{{- if ne (int $v.ports.admin) 9145 -}}{{- $flags = append $flags (printf "--admin-port %v" $v.ports.admin) -}}{{- end -}}
{{- if not (include "otp-sidecar.isNative" .) -}}{{- $flags = append $flags "--native-sidecar false" -}}{{- end -}}
{{- $flags = append $flags (printf "--port %v" $v.upstream.port) -}}
{{- with $v.wallet.hostEnv -}}{{- $flags = append $flags (printf "--backend-env %s=127.0.0.1" .) -}}{{- end -}}
{{- join " " $flags -}}
{{- end -}}
