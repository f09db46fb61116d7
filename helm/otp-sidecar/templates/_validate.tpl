{{/* Refuses what cannot be right, with a sentence that says what to write. Takes the scope. */}}
{{- define "otp-sidecar.validate" -}}
{{- $wrong := list -}}
{{- range $part := list "state" "secrets" "policies" "pods" "sidecar" "ports" "end" -}}
{{- $wrong = concat $wrong (include (printf "otp-sidecar.wrong.%s" $part) $ | fromYamlArray) -}}
{{- end -}}
{{- if $wrong -}}
{{- fail (printf "\n\notp-sidecar: these values cannot be right:\n- %s\n" (join "\n- " $wrong)) -}}
{{- end -}}
{{- end -}}

{{- define "otp-sidecar.wrong.state" -}}
{{- $v := .Values -}}
{{- $names := include "otp-sidecar.secrets" . | fromYaml -}}
{{- $wrong := list -}}
{{- $many := or (gt (int $v.replicas) 1) $v.autoscaling.enabled -}}
{{- $redis := or $v.redis.enabled (eq $v.state.kind "redis") -}}
{{- if and $many (not $redis) -}}
{{- $wrong = append $wrong "state.kind is memory, which is for one replica: each would count and lock for itself, and know only its own codes. Set state.kind to redis, or replicas to 1 and autoscaling.enabled to false" -}}
{{- end -}}
{{- if and $v.redis.enabled (or $v.state.url $v.state.secret.name) -}}
{{- $wrong = append $wrong "redis.enabled makes a Redis for trials, but state.url or state.secret names another: leave one of them out" -}}
{{- end -}}
{{- if and (eq $v.state.kind "redis") (not $v.redis.enabled) -}}
{{- if and $v.state.url $v.state.secret.name -}}
{{- $wrong = append $wrong "state.url and state.secret.name both say where Redis is: leave one of them out" -}}
{{- else if not (or $v.state.url $names.state) -}}
{{- $wrong = append $wrong "state.kind is redis, but nothing says where it is: set state.secret.name to a secret with its URL, or state.url if it has no password" -}}
{{- end -}}
{{- end -}}
{{- if and (eq $v.state.kind "memory") (not $v.redis.enabled) (or $v.state.url $v.state.secret.name) -}}
{{- $wrong = append $wrong "state.url or state.secret names a Redis, but state.kind is memory: set state.kind to redis" -}}
{{- end -}}
{{- if and $redis (not $names.codeKeys) -}}
{{- $wrong = append $wrong "codeKeys.secret.name is needed with Redis, because all replicas need the same keys. Make one with: kubectl create secret generic otp-code-keys --from-literal=code-keys=\"k1:$(openssl rand -base64 32)\"" -}}
{{- end -}}
{{- toYaml $wrong -}}
{{- end -}}

{{- define "otp-sidecar.wrong.secrets" -}}
{{- $v := .Values -}}
{{- $names := include "otp-sidecar.secrets" . | fromYaml -}}
{{- $wrong := list -}}
{{- range $name, $url := dict "state.url" $v.state.url "mail.url" $v.mail.url -}}
{{- if or (contains "@" $url) (regexMatch "[?&](user|pass)=" $url) -}}
{{- $wrong = append $wrong (printf "%s holds a user or a password, and whoever may read pods or releases would read it: put the URL into a secret, and name that in %s.secret.name" $name (first (splitList "." $name))) -}}
{{- end -}}
{{- end -}}
{{- if contains "@" $v.settings.traces -}}
{{- $wrong = append $wrong "settings.traces holds a user or a password, and whoever may read pods or releases would read it: send them to a collector in the cluster, which knows the password" -}}
{{- end -}}
{{- $secrets := list "OTP_SIDECAR_STATE" "OTP_SIDECAR_SMTP" "OTP_SIDECAR_CODE_KEYS" "JWT_SECRET" "EMAIL_PASS" -}}
{{- range $where, $env := dict "extraEnv" $v.extraEnv "wallet.env" $v.wallet.env -}}
{{- range $env -}}
{{- if and .value (or (has .name $secrets) (regexMatch "(?i)(password|passwd|secret|token|api_?key|private_?key)$" .name)) -}}
{{- $wrong = append $wrong (printf "%s: %s is a secret with its value written out: use valueFrom.secretKeyRef" $where .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (contains "tls=none" $v.mail.url) (not (regexMatch "^smtp://(localhost|127[.][0-9.]+|\\[::1\\])([:/?]|$)" $v.mail.url)) -}}
{{- $wrong = append $wrong "mail.url: codes would cross the network in the clear, and the sidecar does not start: tls=none is for a relay in the pod" -}}
{{- end -}}
{{- range $v.extraArgs -}}
{{- if regexMatch "^--(state|smtp|code-keys)(=|$)" . -}}
{{- $wrong = append $wrong (printf "extraArgs: %s may hold a secret and shows in every list of processes: set state, mail or codeKeys instead" (first (splitList "=" .))) -}}
{{- else if regexMatch "^--(listen|admin-listen|upstream|policies|drain|mail-from|log|audit|(state|smtp|code-keys|admin-token)-file|(store-deadline|upstream-timeout|connect-timeout|header-timeout|max-connections|max-body))(=|$)" . -}}
{{- $wrong = append $wrong (printf "extraArgs: %s is set by the chart: set ports, upstream, policies, mail, settings, the secrets or termination.drain instead" (first (splitList "=" .))) -}}
{{- end -}}
{{- end -}}
{{- $given := list -}}
{{- range concat (include "otp-sidecar.ownEnv" . | fromYamlArray) $v.secretEnv $v.extraEnv -}}
{{- $name := .env | default .name -}}
{{- if has $name $given -}}
{{- $wrong = append $wrong (printf "extraEnv, secretEnv: %s is set already, and the last one would count: set the value that it comes from (values.yaml), and leave it out" $name) -}}
{{- end -}}
{{- $given = append $given $name -}}
{{- end -}}
{{- $relays := list -}}
{{- if $v.mail.url -}}{{- $relays = append $relays "mail.url" -}}{{- end -}}
{{- if $names.smtp -}}{{- $relays = append $relays "mail.secret.name" -}}{{- end -}}
{{- if $v.mail.gmail.enabled -}}{{- $relays = append $relays "mail.gmail.enabled" -}}{{- end -}}
{{- if and $v.mail.enabled (ne (len $relays) 1) -}}
{{- $wrong = append $wrong (printf "mail: nothing or too much says where codes leave (%s): set one of mail.secret.name, mail.url and mail.gmail.enabled; or mail.enabled to false if no policy sends codes" (join ", " $relays | default "none")) -}}
{{- end -}}
{{- if and $v.mail.enabled (not $v.mail.from) (not $v.mail.gmail.enabled) -}}
{{- $wrong = append $wrong "mail.from: who sends the mails? Such as otp@example.com" -}}
{{- end -}}
{{- if and $v.mail.gmail.enabled (not $v.mail.gmail.secret.name) -}}
{{- $wrong = append $wrong "mail.gmail.secret.name: the secret with the account (EMAIL_USER) and its app password (EMAIL_PASS)" -}}
{{- end -}}
{{- toYaml $wrong -}}
{{- end -}}

{{- define "otp-sidecar.wrong.policies" -}}
{{- $v := .Values -}}
{{- $p := $v.policies -}}
{{- $wrong := list -}}
{{- $own := include "otp-sidecar.policies" . | fromYaml -}}
{{- if and $p.existingConfigMap (or $p.files $p.templates) -}}
{{- $wrong = append $wrong "policies.existingConfigMap takes the place of policies.files and policies.templates: leave one of them out" -}}
{{- else if and (not $p.existingConfigMap) (not $own) -}}
{{- $wrong = append $wrong "policies: there are none: set policies.shipped to true, or give policies.files or policies.existingConfigMap" -}}
{{- end -}}
{{- if and $p.existingTemplates.configMap (not $p.existingConfigMap) -}}
{{- $wrong = append $wrong "policies.existingTemplates goes with policies.existingConfigMap: without that, give policies.templates" -}}
{{- end -}}
{{- if ne (not $p.existingTemplates.configMap) (not $p.existingTemplates.files) -}}
{{- $wrong = append $wrong "policies.existingTemplates needs both: the name of the ConfigMap, and its files" -}}
{{- end -}}
{{- range $name := keys $p.files | sortAlpha -}}
{{- if not (regexMatch "^[A-Za-z0-9_][A-Za-z0-9._-]*[.]ya?ml$" $name) -}}
{{- $wrong = append $wrong (printf "policies.files: %q would not be read: a policy's name ends in .yaml and begins with no dot" $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := concat (keys $p.templates) $p.existingTemplates.files | sortAlpha -}}
{{- if not (regexMatch "^[A-Za-z0-9_][A-Za-z0-9._-]*[.](txt|html)$" $name) -}}
{{- $wrong = append $wrong (printf "policies.templates: %q would not be read: a template's name ends in .txt or .html and begins with no dot" $name) -}}
{{- end -}}
{{- end -}}
{{- $given := list -}}
{{- if (include "otp-sidecar.secrets" . | fromYaml).jwt -}}{{- $given = append $given "JWT_SECRET" -}}{{- end -}}
{{- range concat $v.secretEnv $v.extraEnv -}}{{- $given = append $given (.env | default .name) -}}{{- end -}}
{{- if and (not $p.existingConfigMap) (not (has "JWT_SECRET" $given)) (contains "env: JWT_SECRET" (toYaml $own)) -}}
{{- $wrong = append $wrong "jwt.secret.name: the policy checks tokens with JWT_SECRET: name the secret that holds what the wallet signs them with" -}}
{{- end -}}
{{- toYaml $wrong -}}
{{- end -}}

{{- define "otp-sidecar.wrong.pods" -}}
{{- $v := .Values -}}
{{- $wrong := list -}}
{{- $kube := .Capabilities.KubeVersion.Version -}}
{{- if and (eq $v.nativeSidecar "always") (not (semverCompare ">=1.28.0-0" $kube)) -}}
{{- $wrong = append $wrong (printf "nativeSidecar is always, but Kubernetes %s has none: set it to auto" $kube) -}}
{{- end -}}
{{- if not (or $v.wallet.image.repository $v.selector) -}}
{{- $wrong = append $wrong "selector: which labels do the wallet's pods carry? Such as selector.app=wallet. (Or let this chart make the pods: wallet.image.repository)" -}}
{{- end -}}
{{- if and $v.wallet.image.repository $v.selector -}}
{{- $wrong = append $wrong "selector is for pods that this chart does not make, but wallet.image.repository lets it make them: leave one of them out" -}}
{{- end -}}
{{- if and $v.wallet.image.repository (not (or $v.wallet.image.tag $v.wallet.image.digest)) -}}
{{- $wrong = append $wrong "wallet.image.tag: which version of the wallet?" -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (not $v.wallet.image.repository) -}}
{{- $wrong = append $wrong "autoscaling is for pods that this chart makes: put the HorizontalPodAutoscaler beside your own Deployment" -}}
{{- end -}}
{{- if and $v.autoscaling.enabled $v.wallet.image.repository (not (dig "requests" "cpu" "" $v.wallet.resources)) -}}
{{- $wrong = append $wrong "autoscaling compares with what containers ask for: set wallet.resources.requests.cpu" -}}
{{- end -}}
{{- if gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas) -}}
{{- $wrong = append $wrong "autoscaling.minReplicas is more than maxReplicas" -}}
{{- end -}}
{{- range $v.wallet.env -}}
{{- if and (not $v.upstream.socket) (has .name (compact (list $v.wallet.hostEnv $v.wallet.portEnv))) -}}
{{- $wrong = append $wrong (printf "wallet.env: %s is set by wallet.hostEnv or wallet.portEnv, and the last one would count: leave it out" .name) -}}
{{- end -}}
{{- end -}}
{{- if and $v.upstream.socket (has (dir $v.upstream.socket) (list "/" "/tmp" "/etc" "/run" "/var/run")) -}}
{{- $wrong = append $wrong (printf "upstream.socket: %s would become a volume and hide what the image has there: use a folder of its own, such as /run/wallet/wallet.sock" (dir $v.upstream.socket)) -}}
{{- end -}}
{{- $sameUser := and $v.wallet.securityContext.runAsUser (eq (toString $v.wallet.securityContext.runAsUser) (toString $v.securityContext.runAsUser)) -}}
{{- if and $v.upstream.socket $v.wallet.image.repository (not $v.pod.securityContext.fsGroup) (not $sameUser) -}}
{{- $wrong = append $wrong "upstream.socket: wallet and sidecar are different users, so the sidecar may not open the socket: set pod.securityContext.fsGroup, such as 65532, and let the wallet make it with umask 007" -}}
{{- end -}}
{{- $own := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/version" -}}
{{- range $where, $labels := dict "commonLabels" $v.commonLabels "pod.labels" $v.pod.labels -}}
{{- range $name := keys $labels | sortAlpha -}}
{{- if or (has $name $own) (and (eq $where "commonLabels") (has $name (list "app.kubernetes.io/managed-by" "helm.sh/chart"))) -}}
{{- $wrong = append $wrong (printf "%s: %s is set by the chart, whose objects find each other by such labels: leave it out" $where $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $wrong -}}
{{- end -}}

{{/* The sidecar's own container. */}}
{{- define "otp-sidecar.wrong.sidecar" -}}
{{- $v := .Values -}}
{{- $wrong := list -}}
{{- $c := $v.securityContext -}}
{{- if or $c.privileged $c.allowPrivilegeEscalation (eq (toString $c.runAsUser) "0") (not $c.runAsNonRoot) (dig "capabilities" "add" "" $c) -}}
{{- $wrong = append $wrong "securityContext: the sidecar runs as nobody in particular and needs no rights: leave out privileged, allowPrivilegeEscalation, capabilities.add and root" -}}
{{- end -}}
{{- range $v.extraVolumes -}}
{{- if has .name (list "otp-sidecar-policies" "otp-sidecar-secrets" "otp-sidecar-socket") -}}
{{- $wrong = append $wrong (printf "extraVolumes: %s is a volume of the chart: choose another name" .name) -}}
{{- end -}}
{{- end -}}
{{- range $v.extraVolumeMounts -}}
{{- if or .subPath .subPathExpr -}}
{{- $wrong = append $wrong (printf "extraVolumeMounts: %s is mounted with subPath, which Kubernetes never updates: a change would not arrive. Mount the folder" .mountPath) -}}
{{- end -}}
{{- if has (clean .mountPath) (list "/" "/etc" "/lib" "/lib64" "/otp-sidecar") -}}
{{- $wrong = append $wrong (printf "extraVolumeMounts: %s would hide what the image has there: use another folder" .mountPath) -}}
{{- end -}}
{{- if hasPrefix "/etc/otp-sidecar/" (printf "%s/" .mountPath) -}}
{{- $wrong = append $wrong (printf "extraVolumeMounts: %s is where the chart mounts policies and secrets: use another folder" .mountPath) -}}
{{- end -}}
{{- end -}}
{{- if and (hasPrefix "/" $v.settings.audit) (not (include "otp-sidecar.isMounted" (dict "path" $v.settings.audit "mounts" $v.extraVolumeMounts))) -}}
{{- $wrong = append $wrong (printf "settings.audit: %s is on no volume, and the container's own files are read-only: mount one with extraVolumes and extraVolumeMounts" $v.settings.audit) -}}
{{- end -}}
{{- toYaml $wrong -}}
{{- end -}}

{{/* Who listens where, and who may reach it. */}}
{{- define "otp-sidecar.wrong.ports" -}}
{{- $v := .Values -}}
{{- $wrong := list -}}
{{- range $name, $port := $v.ports -}}
{{- if and (lt (int $port) 1024) (not $v.pod.securityContext.sysctls) -}}
{{- $wrong = append $wrong (printf "ports.%s: not every cluster lets a user without rights listen on %v: choose one from 1024 on. What clients see is service.port" $name $port) -}}
{{- end -}}
{{- end -}}
{{- range $v.networkPolicy.extraIngress -}}
{{- if not .ports -}}
{{- $wrong = append $wrong "networkPolicy.extraIngress: a rule without ports opens all of them, the wallet's too: name the ports" -}}
{{- end -}}
{{- range .ports -}}
{{- if not .port -}}
{{- $wrong = append $wrong "networkPolicy.extraIngress: an entry without a port opens all of them, the wallet's too: name the port" -}}
{{- else if and (not $v.upstream.socket) (ge (int $v.upstream.port) (int .port)) (le (int $v.upstream.port) (int (.endPort | default .port))) -}}
{{- $wrong = append $wrong (printf "networkPolicy.extraIngress opens the wallet's port %v, past the sidecar: whoever reaches it needs no code" $v.upstream.port) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if eq (int $v.ports.traffic) (int $v.ports.admin) -}}
{{- $wrong = append $wrong "ports.traffic and ports.admin are the same port" -}}
{{- end -}}
{{- if and (not $v.upstream.socket) (has (int $v.upstream.port) (list (int $v.ports.traffic) (int $v.ports.admin))) -}}
{{- $wrong = append $wrong (printf "upstream.port %v is the sidecar's own: containers of a pod share their ports, so let the wallet listen on another" $v.upstream.port) -}}
{{- end -}}
{{- toYaml $wrong -}}
{{- end -}}

{{- define "otp-sidecar.isMounted" -}}
{{- range .mounts -}}{{- if hasPrefix (printf "%s/" (trimSuffix "/" .mountPath)) $.path -}}true{{- end -}}{{- end -}}
{{- end -}}

{{- define "otp-sidecar.wrong.end" -}}
{{- $t := .Values.termination -}}
{{- $wrong := list -}}
{{- $least := include "otp-sidecar.leastGrace" . | int -}}
{{- if and $t.gracePeriodSeconds (lt (int $t.gracePeriodSeconds) $least) -}}
{{- $wrong = append $wrong (printf "termination.gracePeriodSeconds is %v, but pause, wallet and drain (with 15 s for mail, traces and audit log) take up to %d s: Kubernetes would kill the sidecar in the middle. Leave it empty, or shorten termination.drain" $t.gracePeriodSeconds $least) -}}
{{- end -}}
{{- toYaml $wrong -}}
{{- end -}}
