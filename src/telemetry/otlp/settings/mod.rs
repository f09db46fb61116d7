//! The standard variables of OpenTelemetry, read once at start. What is wrong in them is a start error: a
//! sampler that is spelt wrongly would otherwise record everything, or nothing.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use crate::telemetry::sampling::Sampler;

/// Where spans go, which, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The whole URL that batches are posted to. Its query may hold a key: [`Self::shown_endpoint`] has none.
    pub endpoint: String,
    /// How long one export may take, with its retries.
    pub timeout: Duration,
    /// Further roots of trust for `https`, in PEM; without it, the system's.
    pub roots: Option<PathBuf>,
    /// Which traces are recorded.
    pub sampler: Sampler,
    /// What is said of this process, `service.name` among it.
    pub resource: Vec<(String, String)>,
    /// How many spans may wait.
    pub queue: usize,
    /// How many are sent at once.
    pub batch: usize,
    /// How long a span waits at most for others.
    pub delay: Duration,
    /// What is set and has no effect here.
    pub warnings: Vec<String>,
}

impl Settings {
    /// The endpoint for log lines: without its query, where some collectors take their key.
    pub fn shown_endpoint(&self) -> &str {
        self.endpoint.split(['?', '#']).next().unwrap_or_default()
    }
}

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the variables. `None`: tracing is off.
///
/// # Errors
/// One sentence for each variable that is wrong. None repeats a value that may hold a secret.
pub fn read(env: Env<'_>) -> Result<Option<Settings>, Vec<String>> {
    let set = |name: &str| env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let mut reader = Reader { set: &set, problems: Vec::new(), warnings: Vec::new() };
    let settings = reader.settings();
    if reader.problems.is_empty() { Ok(settings) } else { Err(reader.problems) }
}

struct Reader<'a> {
    set: Env<'a>,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Reader<'_> {
    fn settings(&mut self) -> Option<Settings> {
        if self.is_off() {
            return None;
        }
        let endpoint = self.endpoint()?;
        self.protocol();
        self.compression();
        self.headers();
        self.propagators();
        let sampler = self.sampler();
        let resource = self.resource();
        let timeout =
            self.of_traces_or_all("TIMEOUT").map_or(10_000, |(name, text)| self.number(&name, &text));
        let queue = self.counted("OTEL_BSP_MAX_QUEUE_SIZE", 2_048);
        let batch = self.counted("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512.min(queue));
        if batch > queue {
            self.problem("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "must not be above OTEL_BSP_MAX_QUEUE_SIZE");
        }
        let delay = self.counted("OTEL_BSP_SCHEDULE_DELAY", 5_000);
        let most = self.counted("OTEL_BSP_EXPORT_TIMEOUT", 30_000);
        let warnings = std::mem::take(&mut self.warnings);
        Some(Settings {
            endpoint,
            timeout: Duration::from_millis(timeout.min(most)),
            roots: self.of_traces_or_all("CERTIFICATE").map(|(_, path)| PathBuf::from(path)),
            sampler,
            resource,
            queue: usize::try_from(queue).unwrap_or(usize::MAX),
            batch: usize::try_from(batch).unwrap_or(usize::MAX),
            delay: Duration::from_millis(delay),
            warnings,
        })
    }

    fn get(&self, name: &str) -> Option<String> {
        (self.set)(name)
    }

    fn problem(&mut self, name: &str, problem: impl std::fmt::Display) {
        self.problems.push(format!("{name}: {problem}"));
    }

    fn warning(&mut self, name: &str, warning: impl std::fmt::Display) {
        self.warnings.push(format!("{name}: {warning}"));
    }

    /// The variable for traces, or the one for all signals.
    fn of_traces_or_all(&self, rest: &str) -> Option<(String, String)> {
        ["OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"].into_iter().find_map(|prefix| {
            let name = format!("{prefix}{rest}");
            let value = self.get(&name)?;
            Some((name, value))
        })
    }

    fn is_off(&mut self) -> bool {
        let disabled = self.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if disabled {
            return true;
        }
        match self.get("OTEL_TRACES_EXPORTER").as_deref() {
            None | Some("otlp") => self.of_traces_or_all("ENDPOINT").is_none(),
            Some("none") => true,
            Some(_) => {
                self.problem("OTEL_TRACES_EXPORTER", "only `otlp` and `none` are known here");
                true
            }
        }
    }

    fn endpoint(&mut self) -> Option<String> {
        let (name, text) = self.of_traces_or_all("ENDPOINT")?;
        let advice = "write a URL such as http://collector:4318";
        let Ok(uri) = text.parse::<Uri>() else {
            self.problem(&name, format_args!("is no URL: {advice}"));
            return None;
        };
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        if !is_http || uri.authority().is_none() {
            self.problem(&name, format_args!("is no http or https URL: {advice}"));
            return None;
        }
        // Also behind the authority: a password with a slash in it ends that early.
        if text.contains('@') {
            self.problem(&name, "holds a name or a password: put it into OTEL_EXPORTER_OTLP_HEADERS instead");
            return None;
        }
        // Only the variable for all signals is a base that each signal adds its path to.
        let is_whole = name == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        if !is_whole && text.contains(['?', '#']) {
            self.problem(&name, "has a query: write the whole URL into OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
            return None;
        }
        Some(if is_whole { text } else { format!("{}/v1/traces", text.trim_end_matches('/')) })
    }

    fn protocol(&mut self) {
        match self.of_traces_or_all("PROTOCOL") {
            Some((name, value)) if value != "http/protobuf" => self.problem(
                &name,
                "only http/protobuf is spoken here, which collectors mostly take on port 4318",
            ),
            _ => {}
        }
    }

    fn compression(&mut self) {
        if let Some((name, value)) = self.of_traces_or_all("COMPRESSION")
            && value != "none"
        {
            self.warning(&name, "has no effect, spans are sent uncompressed");
        }
        for rest in ["CLIENT_KEY", "CLIENT_CERTIFICATE"] {
            if let Some((name, _)) = self.of_traces_or_all(rest) {
                self.warning(&name, "has no effect, no client certificate is presented");
            }
        }
    }

    /// The exporter reads them itself, and skips what it cannot read.
    fn headers(&mut self) {
        let Some((name, text)) = self.of_traces_or_all("HEADERS") else { return };
        let is_header = |entry: &str| {
            entry.split_once('=').is_some_and(|(key, value)| {
                let value = percent_decode_str(value.trim()).collect::<Vec<u8>>();
                HeaderName::try_from(key.trim()).is_ok() && HeaderValue::from_bytes(&value).is_ok()
            })
        };
        if !text.split_terminator(',').all(is_header) {
            self.problem(
                &name,
                "is no list of headers: write name=value,name=value, with values percent-encoded",
            );
        }
    }

    fn propagators(&mut self) {
        let name = "OTEL_PROPAGATORS";
        if let Some(list) = self.get(name)
            && !list.split(',').any(|entry| entry.trim() == "tracecontext")
        {
            self.warning(name, "has no effect, traceparent and tracestate are always read and written");
        }
    }

    fn sampler(&mut self) -> Sampler {
        let (name, argument) = (self.get("OTEL_TRACES_SAMPLER"), self.get("OTEL_TRACES_SAMPLER_ARG"));
        Sampler::parse(name.as_deref(), argument.as_deref()).unwrap_or_else(|(variable, problem)| {
            self.problem(variable, problem);
            Sampler::default()
        })
    }

    fn resource(&mut self) -> Vec<(String, String)> {
        let name = "OTEL_RESOURCE_ATTRIBUTES";
        let text = self.get(name).unwrap_or_default();
        let mut resource = vec![
            ("service.name".to_owned(), env!("CARGO_PKG_NAME").to_owned()),
            ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ];
        for entry in text.split_terminator(',') {
            let Some((key, value)) = entry.split_once('=').filter(|(key, _)| !key.trim().is_empty()) else {
                self.problem(name, "is no list of attributes: write key=value,key=value");
                break;
            };
            let value = percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
            resource.push((key.trim().to_owned(), value));
        }
        if let Some(service) = self.get("OTEL_SERVICE_NAME") {
            resource.push(("service.name".to_owned(), service));
        }
        resource
    }

    fn counted(&mut self, name: &str, default: u64) -> u64 {
        self.get(name).map_or(default, |text| self.number(name, &text))
    }

    fn number(&mut self, name: &str, text: &str) -> u64 {
        match text.parse() {
            Ok(number) if number > 0 => number,
            _ => {
                self.problem(name, format_args!("`{text}` is no whole number above 0"));
                1
            }
        }
    }
}

#[cfg(test)]
mod tests;
