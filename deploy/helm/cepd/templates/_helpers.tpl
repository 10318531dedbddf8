{{- define "cepd.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "cepd.fullname" -}}
{{- if contains (include "cepd.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "cepd.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "cepd.selector" -}}
app.kubernetes.io/name: {{ include "cepd.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "cepd.labels" -}}
{{ include "cepd.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- /* check fails when nothing says who may reach the server. */ -}}
{{- define "cepd.check" -}}
{{- $login := or .Values.auth.existingSecret (dig "auth" "certificates" list .Values.config) -}}
{{- if not (or .Values.insecure (and $login .Values.tls.existingSecret)) -}}
{{- fail "say who may reach the server: tls.existingSecret with auth.existingSecret or config.auth.certificates, or insecure: true" -}}
{{- end -}}
{{- if and .Values.tls.clientCA (not .Values.tls.existingSecret) -}}
{{- fail "tls.clientCA needs tls.existingSecret, with ca.crt in it" -}}
{{- end -}}
{{- end -}}

{{- define "cepd.scheme" -}}
{{- if .Values.tls.existingSecret }}HTTPS{{ else }}HTTP{{ end -}}
{{- end -}}
