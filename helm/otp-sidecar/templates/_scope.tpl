{{/*
Finds this chart's own scope, from within it or from within a chart that depends on it, and checks the values.
Takes a dict: from (the caller's `.`), into (a dict that gets the scope as `it`).
*/}}
{{- define "otp-sidecar.scope" -}}
{{- $found := list -}}
{{- if index (.from.Chart.Annotations | default dict) "otp-sidecar/chart" -}}
{{- $found = list .from -}}
{{- else -}}
{{- range $name, $sub := .from.Subcharts -}}
{{- if index ($sub.Chart.Annotations | default dict) "otp-sidecar/chart" -}}
{{- $found = append $found $sub -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $found -}}
{{- fail "otp-sidecar: this chart is no dependency here: add it to `dependencies` in Chart.yaml, and call its templates with `.`" -}}
{{- end -}}
{{- if gt (len $found) 1 -}}
{{- fail "otp-sidecar: this chart is a dependency more than once: say which one, with its alias: include \"otp-sidecar.container\" .Subcharts.ALIAS" -}}
{{- end -}}
{{- $_ := set .into "it" (first $found) -}}
{{- include "otp-sidecar.validate" (first $found) -}}
{{- end -}}

{{/* "true" if the sidecar is an init container that is restarted always. Takes the scope. */}}
{{- define "otp-sidecar.isNative" -}}
{{- $has := semverCompare ">=1.29.0-0" .Capabilities.KubeVersion.Version -}}
{{- if or (eq .Values.nativeSidecar "always") (and (eq .Values.nativeSidecar "auto") $has) -}}true{{- end -}}
{{- end -}}
