//! `otp-sidecar report`.

use otp_sidecar::domain::id::{InstanceId, Purpose};
use otp_sidecar::domain::ledger::counts::{CountBatch, CountKey, Counts};
use otp_sidecar::domain::ledger::day::Day;
use otp_sidecar::domain::time::Timestamp;
use otp_sidecar::store::contract::Ledger as _;
use otp_sidecar::store::redis::RedisStore;
use serde_json::{Map, Value, json};

use super::deployment::{Deployment, findings};
use crate::store_world::patient;
use crate::support::program::{Program, Ran, assert_golden};
use crate::support::sidecar::{Folder, PATIENCE, Sidecar, funded, wrong};
use crate::support::wait::until;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

/// What one sidecar may have counted on a day with so many codes.
fn counts(codes: u64, verified: u64, seconds: u64) -> Map<String, Value> {
    let mut counts = Map::new();
    let mut add = |key: String, number: u64| drop(counts.insert(key, Value::from(number)));
    for hour in 0..24 {
        add(format!("counting-in-hour:{hour}"), 60);
    }
    let (evening, noon) = (codes / 3, codes - codes / 3);
    add("issued:wallet_funding".to_owned(), codes);
    add("issued-in-hour:12".to_owned(), noon);
    add("issued-in-hour:19".to_owned(), evening);
    add("compared:wallet_funding".to_owned(), verified + 2);
    add("verified:wallet_funding".to_owned(), verified);
    add("verified-millis:wallet_funding".to_owned(), verified * seconds * 1_000);
    add("verified-within:wallet_funding:20000".to_owned(), verified);
    add("failed:wallet_funding:invalid".to_owned(), 2);
    add("failed::not_found".to_owned(), 1);
    add("locked:wallet_funding".to_owned(), codes / 50);
    add("limit-hit:send-burst".to_owned(), 4);
    add("decided:fund:issued".to_owned(), codes);
    add("decided:verify:invalid".to_owned(), 2);
    add("mail-accepted".to_owned(), codes);
    add("mail-millis".to_owned(), codes * 900);
    add("mail-within:1000".to_owned(), codes);
    add("mail-failed:busy".to_owned(), 1);
    counts
}

/// January and a leap February of 2028: three days without a sidecar, one with a bad relay.
fn planted() -> Value {
    let at = |day: Day, counts: Map<String, Value>| json!({ "day": day.to_string(), "counts": counts });
    let mut days = Vec::new();
    let mut today = day("2028-01-01");
    while today <= day("2028-02-29") {
        days.push(match today.to_string().as_str() {
            "2028-02-11" | "2028-02-12" | "2028-02-27" => at(today, Map::new()),
            "2028-02-20" => at(today, counts(200, 60, 18)),
            date if date.starts_with("2028-01") => at(today, counts(100, 95, 16)),
            _ => at(today, counts(100, 93, 17)),
        });
        today = today.next();
    }
    json!({ "at": "2028-03-01T08:00:00.000Z", "from": "2028-01-01", "to": "2028-02-29", "days": days })
}

fn report(arguments: &[&str], counts: &Value) -> Ran {
    let files = Folder::new();
    files.write("counts.json", &counts.to_string());
    let path = files.path().join("counts.json");
    let program = Program::new(&["report"]).argument("--counts").argument(path.to_str().unwrap());
    arguments.iter().fold(program, |program, argument| program.argument(argument)).run()
}

#[test]
fn a_leap_february_is_told_in_every_format() {
    for (format, name) in [("text", "txt"), ("json", "json"), ("markdown", "md"), ("html", "html")] {
        let ran = report(&["--month", "2028-02", "--format", format], &planted());
        assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{ran:#?}");
        let steady = ran.out.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        assert_golden(&format!("report/february.{name}"), &steady);
    }
}

#[test]
fn the_figures_of_february_are_those_of_its_days() {
    let ran = report(&["--month", "2028-02", "--json"], &planted());
    let document = ran.json();
    // 25 days with 100 codes of which 93 were used, one with 200 and 60, three without a sidecar.
    assert_eq!(document["codes"]["issued"], 2_700);
    assert_eq!(document["codes"]["verified"], 25 * 93 + 60);
    assert_eq!(document["codes"]["notVerified"], 2_700 - 2_385);
    assert_eq!(document["codes"]["locks"], 25 * 2 + 4);
    assert_eq!(document["limitHits"], 26 * 4);
    assert_eq!(document["peakHour"], json!({ "hour": 12, "issued": 25 * 67 + 134 }));
    // (25 × 93 × 17 s + 60 × 18 s) / 2385, in whole milliseconds.
    assert_eq!(document["verificationTime"]["averageSeconds"], 17.025);
    // All between 15 and 20 s: 15 + 5 × 0.95.
    assert_eq!(document["verificationTime"]["p95Seconds"], 19.75);
    assert_eq!(document["verificationTime"]["p95AtMostSeconds"], 20.0);
    assert_eq!(document["days"].as_array().unwrap().len(), 29);
    assert_eq!(document["before"]["period"]["month"], "2028-01");
    assert_eq!(document["before"]["codes"]["issued"], 3_100);
    assert_eq!(findings(&ran), ["low_success_rate", "days_without_data", "success_rate_fell"]);
    let gaps = document["findings"][1]["message"].as_str().unwrap();
    assert!(gaps.contains("3 days: 2028-02-11 to 2028-02-12, 2028-02-27."), "{gaps}");
}

#[test]
fn days_are_cut_where_the_month_is_and_good_ones_are_fine() {
    let ran = report(&["--from", "2028-01-30", "--to", "2028-02-02", "--json"], &planted());
    let document = ran.json();
    assert_eq!((ran.code, &document["codes"]["issued"]), (0, &json!(400)), "{ran:#?}");
    assert_eq!(document["period"]["days"], 4);
    assert_eq!(
        document["before"]["period"],
        json!({ "from": "2028-01-26", "to": "2028-01-29", "month": null, "days": 4 })
    );
    let one =
        report(&["--from", "2028-02-29", "--to", "2028-02-29", "--purpose", "wallet_deduction"], &planted());
    assert_eq!(one.code, 0, "{one:#?}");
    assert!(one.err.contains("no code for `wallet_deduction` was counted"), "{}", one.err);
}

#[test]
fn the_current_month_is_told_so_far_and_a_time_without_data_is_a_finding() {
    let mut counts = planted();
    counts["at"] = json!("2028-02-10T12:30:00.000Z");
    let ran = report(&[], &counts);
    assert!(ran.out.starts_with("One-time codes from 2028-02-01 to 2028-02-10\n"), "{}", ran.out);
    assert!(
        ran.out.contains("Not over yet: these are the numbers of 2028-02-10 12:30:00 UTC."),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("Compared with 2028-01-22 to 2028-01-31."));
    let nothing = report(&["--month", "2027-06", "--json"], &planted());
    assert_eq!((nothing.code, findings(&nothing)), (1, vec!["no_data".to_owned()]));
    report(&["--month", "2028-04"], &planted())
        .assert_refused("2028-04-01 has not begun: today is 2028-03-01");
}

#[test]
fn a_page_needs_nothing_else_and_a_file_gets_what_the_screen_would() {
    let page = report(&["--month", "2028-02", "--format", "html"], &planted()).out;
    for foreign in ["<script", "http://", "https://", "src=", "@import", "<link"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(page.matches("role=\"img\"").count(), page.matches("<figure>").count());
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("@media print"));
    let folder = Folder::new();
    for format in ["text", "json", "markdown", "html"] {
        let path = folder.path().join(format);
        let arguments = ["--month", "2028-02", "--format", format, "--out", path.to_str().unwrap()];
        let ran = report(&arguments, &planted());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:#?}");
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!(written, report(&["--month", "2028-02", "--format", format], &planted()).out);
    }
}

#[test]
fn bad_input_is_refused_with_what_to_write() {
    for (arguments, word) in [
        (&["--month", "2026-13"][..], "`2026-13` is no month: write it as 2026-11"),
        (&["--month", "november"], "`november` is no month"),
        (&["--from", "2028-02-02", "--to", "2028-02-01"], "turn them round"),
        (&["--from", "2028-02-30", "--to", "2028-03-01"], "`2028-02-30` is no day"),
        (&["--from", "2020-01-01", "--to", "2028-02-01"], "more than the 400"),
        (&["--from", "2028-02-01"], "--to <DATE>"),
        (&["--month", "2028-02", "--from", "2028-02-01", "--to", "2028-02-02"], "cannot be used with"),
        (&["--purpose", "Wallet Funding"], "--purpose: must be 1 to 64 of a-z"),
        (&["--format", "pdf"], "possible values"),
        (&["--month", "2028-02", "--out", "/nowhere/report.txt"], "--out /nowhere/report.txt"),
    ] {
        report(arguments, &planted()).assert_refused(word);
    }
    report(&[], &json!({ "days": [] })).assert_refused("is it an answer of GET /-/counts?");
    let missing = Program::new(&["report", "--counts", "/nowhere.json"]).run();
    missing.assert_refused("--counts /nowhere.json");
}

async fn ends(sidecar: Sidecar) {
    sidecar.signal("-TERM");
    let (status, lines) = sidecar.ended().await;
    assert!(status.success(), "{lines:#?}");
}

/// Yesterday to tomorrow, so that no midnight comes between.
fn about_now() -> [String; 5] {
    let now = otp_sidecar::app::host::SystemClock;
    let today = Day::of(otp_sidecar::domain::time::Clock::now(&now));
    let (from, to) = (today.back(1).to_string(), today.next().to_string());
    ["report".to_owned(), "--from".to_owned(), from, "--to".to_owned(), to]
}

#[tokio::test]
async fn what_was_done_on_two_replicas_and_after_a_restart_is_what_is_told() {
    let deployment = Deployment::new().await;
    let mailbox = &deployment.mailbox;
    let (one, other) = (deployment.start().ready(), deployment.start().ready());
    // Jane types it wrong once; Joe is locked; Ann asks once too often.
    let jane = one.client().as_user("jane");
    let (reference, code) = funded(&jane, mailbox).await;
    assert_eq!(jane.verify(&reference, &wrong(&code)).await.status, 400);
    assert_eq!(jane.verify(&reference, &code).await.status, 200);
    let joe = other.client().as_user("joe");
    let (reference, code) = funded(&joe, mailbox).await;
    for status in [400, 400, 423, 423] {
        assert_eq!(joe.verify(&reference, &wrong(&code)).await.status, status);
    }
    let ann = one.client().as_user("ann");
    for status in [200, 200, 200, 429] {
        assert_eq!(ann.send("wallet_deduction", "ann@example.com").await.status, status);
    }
    ends(one).await;
    let one = deployment.start().ready();
    let kim = one.client().as_user("kim");
    // The mails of the others may still be on their way.
    let funding = kim.fund(5_000).await;
    assert_eq!(funding.status, 200);

    let arguments = about_now();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(["--json"]).collect();
    let told = async || deployment.asks(&one, &arguments).await.json();
    until("everything is counted", PATIENCE, async || {
        let told = told().await;
        // Six codes and the notice of the lock.
        told["codes"]["issued"] == 6 && told["mail"]["accepted"] == 7
    })
    .await;
    let document = told().await;
    for (name, number) in [("compared", 5), ("verified", 1), ("notVerified", 5), ("refused", 5), ("locks", 1)]
    {
        assert_eq!(document["codes"][name], number, "{name} in {document:#}");
    }
    assert_eq!(document["limits"], json!([{ "limit": "send-burst", "hits": 1 }]));
    assert_eq!(document["verificationTime"]["number"], 1);
    let purposes = document["purposes"].as_array().unwrap();
    let issued: Vec<_> =
        purposes.iter().map(|one| (one["purpose"].as_str().unwrap(), one["issued"].as_u64())).collect();
    assert_eq!(issued, [("wallet_deduction", Some(3)), ("wallet_funding", Some(3))]);
    assert_eq!(document["reasons"][0], json!({ "reason": "invalid", "verifications": 4 }), "{document:#}");
    // The state alone tells the same.
    let mut direct = deployment.asks_state(&arguments).await.json();
    direct["at"] = document["at"].clone();
    assert_eq!(direct, document);
}

#[tokio::test]
async fn counts_of_long_ago_come_out_of_redis_as_they_went_in() {
    let deployment = Deployment::new().await;
    let store = RedisStore::new(&patient(&deployment.redis)).unwrap();
    let nothing = store.counts(Day::of(Timestamp::default()), Day::of(Timestamp::default())).await.unwrap();
    let (today, purpose) = (Day::of(nothing.at), Purpose::parse("wallet_funding").unwrap());
    let instance = InstanceId::parse(&"a".repeat(32)).unwrap();
    for (sequence, ago) in [390_u32, 60, 59, 31, 1].into_iter().enumerate() {
        let mut counts = Counts::default();
        counts.add(CountKey::Issued(purpose.clone()), u64::from(ago));
        counts.add(CountKey::Verified(purpose.clone()), u64::from(ago));
        let batch = CountBatch {
            instance: instance.clone(),
            sequence: sequence as u64 + 1,
            day: today.back(ago),
            counts,
        };
        store.add_counts(&batch).await.unwrap();
    }
    let (from, to) = (today.back(60).to_string(), today.back(31).to_string());
    let ran = deployment.asks_state(&["report", "--from", &from, "--to", &to, "--json"]).await;
    let document = ran.json();
    assert_eq!(document["codes"]["issued"], 60 + 59 + 31, "{document:#}");
    // What nobody counted is a gap and no quiet time.
    assert_eq!((ran.code, findings(&ran)), (1, vec!["days_without_data".to_owned()]));
}
