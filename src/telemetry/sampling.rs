//! Which traces are recorded, decided when a request arrives and before anything is made for it.

use opentelemetry::trace::TraceId;

use super::propagation::TraceParent;

/// `OTEL_TRACES_SAMPLER` with `OTEL_TRACES_SAMPLER_ARG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampler {
    /// Whether a caller's decision stands.
    parent_based: bool,
    /// A trace is recorded if the lower 63 bits that its id begins them with stay below this.
    bound: u64,
}

/// One more than the greatest number of 63 bits: every trace.
const ALL: u64 = 1 << 63;

impl Default for Sampler {
    /// `parentbased_always_on`, as the OpenTelemetry specification has it.
    fn default() -> Self {
        Self { parent_based: true, bound: ALL }
    }
}

impl Sampler {
    /// Reads the two variables, each absent or not empty.
    ///
    /// # Errors
    /// The variable that is wrong, and what to write instead.
    pub fn parse(name: Option<&str>, argument: Option<&str>) -> Result<Self, (&'static str, String)> {
        let name = name.unwrap_or("parentbased_always_on");
        let (parent_based, root) = match name.strip_prefix("parentbased_") {
            Some(root) => (true, root),
            None => (false, name),
        };
        let bound = match root {
            "always_on" => ALL,
            "always_off" => 0,
            "traceidratio" => bound_of(argument.unwrap_or("1"))?,
            _ => {
                return Err((
                    "OTEL_TRACES_SAMPLER",
                    format!(
                        "`{name}` is no sampler: write always_on, always_off, traceidratio, or one of them \
                         with parentbased_ before it"
                    ),
                ));
            }
        };
        Ok(Self { parent_based, bound })
    }

    /// Whether to record a request of this trace.
    pub fn takes(self, parent: Option<TraceParent>, trace: TraceId) -> bool {
        match parent {
            Some(parent) if self.parent_based => parent.is_sampled(),
            _ => low_half(trace) >> 1 < self.bound,
        }
    }
}

/// The random part of a trace id, of which every SDK takes the same bits: services with the same ratio
/// record the same traces.
fn low_half(trace: TraceId) -> u64 {
    (u128::from_be_bytes(trace.to_bytes()) & u128::from(u64::MAX)) as u64
}

fn bound_of(ratio: &str) -> Result<u64, (&'static str, String)> {
    match ratio.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok((ratio * ALL as f64) as u64),
        _ => Err((
            "OTEL_TRACES_SAMPLER_ARG",
            format!("`{ratio}` is no ratio: write a number from 0 to 1, such as 0.01"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{SpanId, SpanKind};
    use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample as _};
    use proptest::prelude::*;

    fn sampler(name: &str, argument: Option<&str>) -> Sampler {
        Sampler::parse(Some(name), argument).unwrap()
    }

    fn parent(sampled: bool) -> Option<TraceParent> {
        Some(TraceParent::new(TraceId::from(u128::MAX), SpanId::from(1), sampled))
    }

    #[test]
    fn each_sampler_decides_as_its_name_says() {
        let least = TraceId::from(1);
        let greatest = TraceId::from(u128::MAX);
        for (name, argument, without, sampled, unsampled) in [
            ("always_on", None, true, true, true),
            ("always_off", None, false, false, false),
            ("traceidratio", Some("0"), false, false, false),
            ("traceidratio", Some("1"), true, true, true),
            ("traceidratio", None, true, true, true),
            ("parentbased_always_on", None, true, true, false),
            ("parentbased_always_off", None, false, true, false),
            ("parentbased_traceidratio", Some("0.0"), false, true, false),
            ("parentbased_traceidratio", Some("1.0"), true, true, false),
        ] {
            let sampler = sampler(name, argument);
            for trace in [least, greatest] {
                let decided = [None, parent(true), parent(false)].map(|parent| sampler.takes(parent, trace));
                assert_eq!(decided, [without, sampled, unsampled], "{name} {argument:?} {trace}");
            }
        }
        assert_eq!(Sampler::parse(None, None).unwrap(), sampler("parentbased_always_on", None));
        assert_eq!(Sampler::default(), Sampler::parse(None, None).unwrap());
    }

    #[test]
    fn what_is_no_sampler_is_refused_with_the_variable_that_is_wrong() {
        for (name, argument, variable) in [
            ("jaeger_remote", None, "OTEL_TRACES_SAMPLER"),
            ("parentbased_", None, "OTEL_TRACES_SAMPLER"),
            ("Always_On", None, "OTEL_TRACES_SAMPLER"),
            ("traceidratio", Some("1 %"), "OTEL_TRACES_SAMPLER_ARG"),
            ("traceidratio", Some("1.1"), "OTEL_TRACES_SAMPLER_ARG"),
            ("traceidratio", Some("-0.1"), "OTEL_TRACES_SAMPLER_ARG"),
            ("parentbased_traceidratio", Some("NaN"), "OTEL_TRACES_SAMPLER_ARG"),
        ] {
            let (found, problem) = Sampler::parse(Some(name), argument).unwrap_err();
            assert_eq!(found, variable, "{name} {argument:?}: {problem}");
        }
        // As the specification has it: an argument that the sampler does not take is not looked at.
        assert!(Sampler::parse(Some("always_on"), Some("endpoint=x")).is_ok());
    }

    proptest! {
        #[test]
        fn a_ratio_takes_the_traces_that_the_sdk_takes(trace in 1_u128.., ratio in 0.0..=1.0) {
            let trace = TraceId::from(trace);
            let theirs = opentelemetry_sdk::trace::Sampler::TraceIdRatioBased(ratio);
            let theirs = theirs.should_sample(None, trace, "", &SpanKind::Server, &[], &[]).decision;
            let ours = sampler("traceidratio", Some(&ratio.to_string())).takes(None, trace);
            prop_assert_eq!(ours, theirs == SamplingDecision::RecordAndSample);
        }
    }
}
