{{/*
The end of a pod. A native sidecar gets SIGTERM when the wallet has ended: the wallet waits until nobody sends new
connections. An ordinary one gets it at the same time: the wallet waits until the sidecar has drained.
*/}}

{{/* A duration such as 25s in seconds, rounded up. */}}
{{- define "otp-sidecar.seconds" -}}
{{- $number := regexFind "^[0-9]+" . | int -}}
{{- if hasSuffix "ms" . -}}{{- divf $number 1000 | ceil -}}
{{- else if hasSuffix "m" . -}}{{- mul $number 60 -}}
{{- else if hasSuffix "h" . -}}{{- mul $number 3600 -}}
{{- else -}}{{- $number -}}
{{- end -}}
{{- end -}}

{{/* The longest that the sidecar takes after SIGTERM: the drain, then 5 s for mail, 3 s for traces, 5 s for the audit log. */}}
{{- define "otp-sidecar.endSeconds" -}}
{{- add (include "otp-sidecar.seconds" .Values.termination.drain | int) 13 -}}
{{- end -}}

{{/* How long the wallet waits before it gets SIGTERM. */}}
{{- define "otp-sidecar.walletPause" -}}
{{- if include "otp-sidecar.isNative" . -}}
{{- .Values.termination.pauseSeconds -}}
{{- else -}}
{{- add .Values.termination.pauseSeconds (include "otp-sidecar.seconds" .Values.termination.drain | int) -}}
{{- end -}}
{{- end -}}

{{/* The least that a pod needs to end in order, with 2 s for Kubernetes itself. */}}
{{- define "otp-sidecar.leastGrace" -}}
{{- $t := .Values.termination -}}
{{- $wallet := add (include "otp-sidecar.walletPause" . | int) $t.walletSeconds -}}
{{- $sidecar := include "otp-sidecar.endSeconds" . | int -}}
{{- if include "otp-sidecar.isNative" . -}}
{{- add $wallet $sidecar 2 -}}
{{- else -}}
{{- add (max $wallet (add $t.pauseSeconds $sidecar)) 2 -}}
{{- end -}}
{{- end -}}

{{/* terminationGracePeriodSeconds of the pod: a number. */}}
{{- define "otp-sidecar.gracePeriod" -}}
{{- $s := dict -}}{{- include "otp-sidecar.scope" (dict "from" . "into" $s) -}}
{{- $s.it.Values.termination.gracePeriodSeconds | default (include "otp-sidecar.leastGrace" $s.it) -}}
{{- end -}}

{{/* `lifecycle:` of the wallet's container: the pause before it gets SIGTERM. */}}
{{- define "otp-sidecar.walletLifecycle" -}}
{{- $s := dict -}}{{- include "otp-sidecar.scope" (dict "from" . "into" $s) -}}
{{- $pause := include "otp-sidecar.walletPause" $s.it -}}
lifecycle:
  preStop:
    {{- if semverCompare ">=1.30.0-0" $s.it.Capabilities.KubeVersion.Version }}
    sleep: { seconds: {{ $pause }} }
    {{- else }}
    exec: { command: {{ append $s.it.Values.termination.pauseCommand $pause | toJson }} }
    {{- end }}
{{- end -}}
