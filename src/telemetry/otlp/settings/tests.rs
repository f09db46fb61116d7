use super::*;

const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

fn given(variables: &[(&str, &str)]) -> Result<Option<Settings>, Vec<String>> {
    read(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

fn with(variables: &[(&str, &str)]) -> Settings {
    given(&[&[ENDPOINT], variables].concat()).unwrap().unwrap()
}

#[test]
fn tracing_is_off_until_an_endpoint_is_named() {
    assert!(given(&[]).unwrap().is_none());
    assert!(
        given(&[("OTEL_EXPORTER_OTLP_ENDPOINT", ""), ("OTEL_TRACES_SAMPLER", "nonsense")]).unwrap().is_none()
    );
    for off in [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_TRACES_EXPORTER", "none")] {
        assert!(given(&[ENDPOINT, off]).unwrap().is_none(), "{off:?}");
    }
    for on in [("OTEL_SDK_DISABLED", "false"), ("OTEL_TRACES_EXPORTER", "otlp")] {
        assert!(given(&[ENDPOINT, on]).unwrap().is_some(), "{on:?}");
    }
}

#[test]
fn without_more_the_defaults_of_the_specification_hold() {
    let settings = with(&[]);
    assert_eq!(settings.endpoint, "http://collector:4318/v1/traces");
    assert_eq!(settings.timeout, Duration::from_secs(10));
    assert_eq!((settings.queue, settings.batch, settings.delay), (2_048, 512, Duration::from_secs(5)));
    assert_eq!((settings.sampler, settings.roots), (Sampler::default(), None));
    assert!(settings.warnings.is_empty());
    let name = settings.resource.iter().rfind(|(key, _)| key == "service.name").unwrap();
    assert_eq!(name.1, "otp-sidecar");
}

#[test]
fn what_is_set_for_traces_comes_before_what_is_set_for_all_signals() {
    let settings = with(&[
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://other/path"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "100"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "200"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/all.pem"),
    ]);
    assert_eq!(
        (settings.endpoint.as_str(), settings.timeout),
        ("https://other/path", Duration::from_millis(100))
    );
    assert_eq!(settings.roots, Some(PathBuf::from("/all.pem")));
}

#[test]
fn the_batches_are_as_large_and_as_frequent_as_is_said() {
    let settings = with(&[
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_SCHEDULE_DELAY", "7"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "9"),
    ]);
    assert_eq!((settings.queue, settings.batch), (100, 100));
    assert_eq!((settings.delay, settings.timeout), (Duration::from_millis(7), Duration::from_millis(9)));
    assert_eq!(with(&[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "3")]).batch, 3);
    assert_eq!(with(&[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2048")]).batch, 2_048);
}

#[test]
fn what_is_wrong_is_named_and_a_value_that_may_be_secret_is_not_repeated() {
    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2@collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:12/hunter2@collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318?key=hunter2"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318#hunter2"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "unix:/hunter2"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://a b"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b,bad name=hunter2"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%0d%0ab"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0"),
        ("OTEL_TRACES_SAMPLER", "xray"),
        ("OTEL_TRACES_EXPORTER", "console"),
        ("OTEL_RESOURCE_ATTRIBUTES", "hunter2"),
        ("OTEL_RESOURCE_ATTRIBUTES", "=hunter2"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2049"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "0"),
    ] {
        let variables =
            if variable == ENDPOINT.0 { vec![(variable, value)] } else { vec![ENDPOINT, (variable, value)] };
        let problems = given(&variables).expect_err(variable);
        assert_eq!(problems.len(), 1, "{variable}={value}: {problems:?}");
        assert!(problems[0].starts_with(&format!("{variable}: ")), "{problems:?}");
        assert!(!problems[0].contains("hunter2"), "{problems:?}");
    }
    let all = given(&[ENDPOINT, ("OTEL_TRACES_SAMPLER", "x"), ("OTEL_BSP_SCHEDULE_DELAY", "x")]).unwrap_err();
    assert_eq!(all.len(), 2);
}

#[test]
fn a_key_in_the_query_is_sent_and_not_shown() {
    let settings = with(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://other/path?key=hunter2")]);
    assert_eq!(settings.endpoint, "https://other/path?key=hunter2");
    assert_eq!(settings.shown_endpoint(), "https://other/path");
}

#[test]
fn what_has_no_effect_is_a_warning() {
    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/key"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/certificate"),
        ("OTEL_PROPAGATORS", "b3,baggage"),
    ] {
        let warnings = with(&[(variable, value)]).warnings;
        assert!(warnings.len() == 1 && warnings[0].starts_with(variable), "{variable}: {warnings:?}");
    }
    let fine = [("OTEL_EXPORTER_OTLP_COMPRESSION", "none"), ("OTEL_PROPAGATORS", "tracecontext, baggage")];
    assert!(with(&fine).warnings.is_empty());
}

#[test]
fn the_resource_is_read_as_the_baggage_that_it_is_written_as() {
    let settings = with(&[("OTEL_RESOURCE_ATTRIBUTES", " a = b ,c=%2C%20d,service.name=x,")]);
    let last = |key: &str| {
        settings.resource.iter().rfind(|(known, _)| known == key).map(|(_, value)| value.as_str())
    };
    assert_eq!((last("a"), last("c"), last("service.name")), (Some("b"), Some(", d"), Some("x")));
    let named = with(&[("OTEL_RESOURCE_ATTRIBUTES", "service.name=x"), ("OTEL_SERVICE_NAME", "y")]);
    assert_eq!(named.resource.last().map(|(_, value)| value.as_str()), Some("y"));
}
