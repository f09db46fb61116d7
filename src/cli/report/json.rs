//! A report for programs.

use serde_json::{Value, json};

use crate::cli::finding;
use crate::domain::report::coverage::Coverage;
use crate::domain::report::period::Period;
use crate::domain::report::quantile::{Quantile, Times};
use crate::domain::report::summary::{Codes, Summary};
use crate::domain::report::{DayReport, Report};

/// The one document.
pub(super) fn document(report: &Report) -> Value {
    let question = &report.question;
    let mut document = json!({
        "period": period(question.period),
        "at": report.at.to_iso8601(),
        "complete": report.is_complete(),
        "purpose": question.purpose.as_ref().map(|purpose| purpose.as_str()),
        "findings": finding::document(&report.findings),
    });
    add(&mut document, summary(&report.summary));
    let before = report.summary_before.as_ref().map(|before| {
        let mut told = json!({ "period": period(report.before) });
        add(&mut told, summary(before));
        told
    });
    add(&mut document, json!({ "days": report.days.iter().map(day).collect::<Vec<_>>(), "before": before }));
    document
}

fn add(document: &mut Value, more: Value) {
    if let (Some(fields), Value::Object(more)) = (document.as_object_mut(), more) {
        fields.extend(more);
    }
}

fn period(period: Period) -> Value {
    json!({
        "from": period.first().to_string(),
        "to": period.last().to_string(),
        "month": period.as_month(),
        "days": period.days().count(),
    })
}

fn summary(summary: &Summary) -> Value {
    let named = |name: &str, number: &str, list: &[(String, u64)]| {
        list.iter().map(|(word, n)| json!({ name: word, number: n })).collect::<Value>()
    };
    json!({
        "codes": codes(summary.codes),
        "verificationTime": times(&summary.verification),
        "peakHour": summary.peak_hour().map(|(hour, issued)| json!({ "hour": hour, "issued": issued })),
        "issuedByHour": summary.hours,
        "limits": summary.limits.iter().map(|(limit, n)| json!({ "limit": limit.as_str(), "hits": n })).collect::<Value>(),
        "limitHits": summary.limit_hits(),
        "mail": {
            "accepted": summary.mail.accepted,
            "failedAttempts": summary.mail.failures(),
            "givenUp": summary.mail.lost(),
            "time": times(&summary.mail.times),
            "failures": named("reason", "attempts", &summary.mail.failed),
            "givenUpFor": named("reason", "mails", &summary.mail.given_up),
        },
        "reasons": summary.reasons.iter().map(|(reason, n)| json!({ "reason": reason.as_str(), "verifications": n })).collect::<Value>(),
        "refusals": summary.refusals.iter().map(|(route, reason, n)| {
            json!({ "route": route.as_str(), "reason": reason.as_str(), "requests": n })
        }).collect::<Value>(),
        "errors": named("error", "times", &summary.errors),
        "countsLeftOut": summary.left_out,
        "purposes": summary.purposes.iter().map(|(purpose, numbers)| {
            let mut told = json!({ "purpose": purpose.as_str() });
            add(&mut told, codes(*numbers));
            told
        }).collect::<Value>(),
    })
}

fn codes(codes: Codes) -> Value {
    json!({
        "issued": codes.issued,
        "compared": codes.compared,
        "verified": codes.verified,
        "notVerified": codes.not_verified(),
        "refused": codes.failed,
        "locks": codes.locked,
        "successRate": codes.success_rate(),
        "rightRate": codes.right_rate(),
        "lockRate": codes.lock_rate(),
    })
}

fn times(times: &Times) -> Value {
    json!({
        "number": times.count,
        "averageSeconds": times.average.map(|average| average.as_secs_f64()),
        "p95Seconds": times.p95.map(|Quantile { estimate, .. }| estimate.as_secs_f64()),
        "p95AtMostSeconds": times.p95.and_then(|p95| p95.at_most).map(|bound| bound.as_secs_f64()),
    })
}

fn day(day: &DayReport) -> Value {
    let summary = &day.summary;
    let missing = match &day.coverage {
        Coverage::Without(hours) => hours.clone(),
        Coverage::None | Coverage::Whole => Vec::new(),
    };
    let mut told = json!({
        "day": day.day.to_string(),
        "data": day.coverage.as_str(),
        "hoursMissing": missing,
    });
    add(&mut told, codes(summary.codes));
    add(
        &mut told,
        json!({
            "limitHits": summary.limit_hits(),
            "mailsAccepted": summary.mail.accepted,
            "mailAttemptsFailed": summary.mail.failures(),
        }),
    );
    told
}
