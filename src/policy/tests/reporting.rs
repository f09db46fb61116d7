//! How problems are told: to people with the line and a caret, to programs as JSON, to a log in one line.

use crate::policy::diagnostic::{At, Code, Collector, Diagnostics};
use crate::policy::source::SourceFile;

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

fn at(file: u32, line: u32, column: u32, width: u32) -> At {
    At { file, line, column, width }
}

/// One problem in one line of text, as people see it: the line and the carets.
fn excerpt(line: &str, column: u32, width: u32) -> String {
    let files = [file("p.yaml", line)];
    let mut out = Collector::new(&files);
    out.report(Code::Word, at(0, 1, column, width), "no");
    let shown = out.finish().to_string();
    shown.strip_prefix("error[P0203]: no\n").unwrap().to_owned()
}

#[test]
fn a_problem_shows_its_line_with_carets_under_what_is_meant() {
    let head = |column: u32| format!(" --> p.yaml:1:{column}\n");
    assert_eq!(excerpt("a: bc", 4, 2), head(4) + "  |\n1 | a: bc\n  |    ^^\n");
    assert_eq!(excerpt("a: bc", 4, 0), head(4) + "  |\n1 | a: bc\n  |    ^\n");
    assert_eq!(excerpt("a: bc", 1, 99), head(1) + "  |\n1 | a: bc\n  | ^^^^^\n");
    assert_eq!(excerpt("a: bc", 9, 3), head(9) + "  |\n1 | a: bc\n  |         ^\n");
    assert_eq!(excerpt("\ta\u{7}: ü", 5, 1), head(5) + "  |\n1 |  a : ü\n  |     ^\n");
    // Nothing to show.
    assert_eq!(excerpt("  ", 1, 1), head(1));
}

#[test]
fn of_a_long_line_the_part_around_the_problem_is_shown() {
    let line: String = (0..1_000).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
    let shown = excerpt(&line, 301, 3);
    let (text, carets) = shown.split_once("1 | ").unwrap().1.split_once('\n').unwrap();
    // Eighty characters before the problem, and eighty from there.
    assert_eq!(text, &line[220..380]);
    assert_eq!(carets, format!("  | {}^^^\n", " ".repeat(80)));
}

#[test]
fn programs_get_every_part_of_a_problem() {
    let files = [file("a.yaml", "x\ny: z\n"), file("b.yaml", "w\n")];
    let mut out = Collector::new(&files);
    out.report(Code::DefinedTwice, at(1, 1, 1, 1), "twice")
        .also(at(0, 2, 4, 1), "the first one")
        .advise("one");
    out.report_set(Code::NoRoutes, "no route");
    assert_eq!(
        out.finish().to_json(),
        serde_json::json!([
            { "severity": "error", "code": "P0306", "file": "b.yaml", "line": 1, "column": 1,
              "message": "twice", "advice": "one", "related": "a.yaml:2:4 (the first one)" },
            { "severity": "error", "code": "P0601", "file": "", "line": null, "column": null,
              "message": "no route", "advice": null, "related": null },
        ])
    );
}

#[test]
fn problems_come_in_the_order_of_their_places_and_those_of_the_set_last() {
    let files = [file("a.yaml", "x\ny\n"), file("b.yaml", "w\n")];
    let mut out = Collector::new(&files);
    out.report_set(Code::NoRoutes, "5");
    out.report(Code::Word, at(1, 1, 1, 1), "4");
    out.report(Code::Word, at(0, 2, 1, 1), "3");
    out.report_set(Code::NoRoutes, "6");
    out.report(Code::Word, at(0, 1, 2, 1), "2");
    out.report(Code::Word, at(0, 1, 1, 1), "1");
    let found = out.finish();
    assert_eq!(found.iter().map(|problem| problem.message.as_str()).collect::<String>(), "123456");
    assert!(found.to_string().contains("\n\nerror[P0203]: 2\n --> a.yaml:1:2\n"), "{found}");
    assert!(found.to_string().ends_with("\n\nerror[P0601]: 5\n\nerror[P0601]: 6\n"), "{found}");
}

fn many(count: u32) -> Diagnostics {
    let files = [file("a.yaml", "x")];
    let mut out = Collector::new(&files);
    for number in 0..count {
        out.report(Code::Word, at(0, 1, 1, 1), format!("no {number}"));
    }
    out.finish()
}

#[test]
fn a_log_gets_the_first_problem_and_how_many_more_there_are() {
    assert_eq!(many(0).summary(), "no problems");
    assert_eq!(many(1).summary(), "P0203: no 0 at a.yaml:1:1");
    assert_eq!(many(2).summary(), "P0203: no 0 at a.yaml:1:1 (and 1 more)");
    let mut out = Collector::new(&[]);
    out.report_set(Code::NoFiles, "no file");
    assert_eq!(out.finish().summary(), "P0005: no file");
}

#[test]
fn more_than_a_hundred_problems_are_only_counted() {
    let (all, more) = (many(100), many(102));
    assert_eq!((all.iter().count(), all.len(), all.is_empty()), (100, 100, false));
    assert!(all.to_string().ends_with("| ^\n"));
    assert_eq!((more.iter().count(), more.len()), (100, 102));
    assert!(more.to_string().ends_with("| ^\n\n… and 2 more\n"));
    assert_eq!((many(0).len(), many(0).is_empty()), (0, true));
}

#[test]
fn an_absurdly_long_line_is_cut() {
    let files = [file("a.yaml", &"x".repeat(5_000))];
    let mut out = Collector::new(&files);
    out.report(Code::Word, at(0, 1, 1, 1), "no");
    assert_eq!(out.finish().iter().next().unwrap().line.len(), 2_000);
}

#[test]
fn warnings_do_not_stop_a_set() {
    let mut out = Collector::new(&[]);
    assert!(!out.has_errors());
    out.report_set(Code::UnusedLimit, "idle");
    assert!(!out.has_errors());
    out.report_set(Code::Word, "wrong");
    assert!(out.has_errors());
}

#[test]
fn what_may_be_secret_in_a_url_is_covered_where_it_stands() {
    for (line, shown) in [
        ("a: http://u:pä@h/k?t=ü#x", "a: http://****@h/k******"),
        ("a: http://h/k, b: https://u@h", "a: http://h/k, b: https://*@h"),
        ("a: \"http://u@h?x\" # u@h?x", "a: \"http://*@h**\" # u@h?x"),
        ("a: 'http://u@h' u@h", "a: 'http://*@h' u@h"),
        ("a: u@h?x", "a: u@h?x"),
    ] {
        assert!(excerpt(line, 1, 1).contains(&format!("1 | {shown}\n")), "{}", excerpt(line, 1, 1));
    }
}
