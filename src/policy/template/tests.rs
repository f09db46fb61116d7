use super::*;

const REQUESTED_AT: Timestamp = Timestamp::from_millis(1_768_644_000_000);

fn render(template: &Template, purpose: &str, bound: &[(&str, &str)]) -> Result<Rendered, RenderError> {
    template.render_code(&CodeFacts {
        purpose: &Purpose::parse(purpose).unwrap(),
        code: &Code::presented("038645", None).unwrap(),
        requested_at: REQUESTED_AT,
        ttl: Duration::from_secs(300),
        binding: &Binding::of(bound.iter().copied()),
    })
}

fn render_lock(lock: Lock) -> Rendered {
    let purpose = Purpose::parse("wallet_deduction").unwrap();
    let facts = LockFacts { purpose: &purpose, lock, at: REQUESTED_AT };
    Template::builtin_lock_notice().render_lock(&facts).unwrap()
}

fn refused(text: &str, html: Option<&str>) -> TemplateError {
    Template::compile("own", text, html).unwrap_err()
}

fn with_body(body: &str) -> String {
    format!("Subject: Your code\n\n{body}")
}

#[test]
fn the_built_in_mail_says_what_for_how_much_until_when_and_since_when() {
    let mail = render(&Template::builtin_code(), "wallet_funding", &[("amount", "5000.00")]).unwrap();
    assert_eq!(mail.subject, "Your code to fund your wallet");
    assert_eq!(
        mail.text.as_str(),
        "Use this code to fund your wallet.\n\
         Amount: 5,000\n\
         \n\
         038645\n\
         \n\
         It works once and for 5 minutes.\n\
         It was asked for on 17 January 2026, 10:00 UTC.\n\
         \n\
         If this was not you, ignore this mail: without the code nothing happens.\n\
         Never pass the code on. Nobody who works for us will ever ask for it.\n"
    );
    let html = mail.html.unwrap();
    assert!(html.contains(">038645</p>"), "{}", html.as_str());
    assert!(html.contains("<strong>5,000</strong>"));
}

#[test]
fn without_an_amount_none_is_mentioned() {
    let mail = render(&Template::builtin_code(), "wallet_deduction", &[("to", "x")]).unwrap();
    assert!(
        mail.text.starts_with("Use this code to confirm a purchase.\n\n038645\n\n"),
        "{}",
        mail.text.as_str()
    );
    assert!(!mail.html.unwrap().contains("Amount"));
}

#[test]
fn a_lock_notice_says_since_when_until_when_and_what_to_do() {
    let mail = render_lock(Lock::Until(REQUESTED_AT.plus(Duration::from_secs(900))));
    assert_eq!(mail.subject, "Too many wrong codes: confirm a purchase is locked");
    for part in [mail.text, mail.html.unwrap()] {
        assert!(part.contains("17 January 2026, 10:00 UTC") && part.contains("17 January 2026, 10:15 UTC"));
        assert!(part.contains("password") && part.contains("wait until then"));
    }
    let mail = render_lock(Lock::Disabled);
    assert!(mail.text.contains("until support opens it") && !mail.text.contains("10:15"));
}

#[test]
fn built_in_mails_need_no_transfer_encoding_and_have_no_link() {
    let code = render(&Template::builtin_code(), "wallet_funding", &[("amount", &"9".repeat(30))]).unwrap();
    let mails = [code, render_lock(Lock::Disabled), render_lock(Lock::Until(REQUESTED_AT))];
    for part in mails.iter().flat_map(|mail| [Some(&mail.text), mail.html.as_ref()]).flatten() {
        assert!(part.is_ascii());
        assert!(part.lines().all(|line| line.len() <= 76), "{}", part.as_str());
        assert!(!part.contains("://") && !part.contains("href"));
    }
}

#[test]
fn built_in_mails_are_found_by_name() {
    for name in ["default", "wallet_funding", "wallet_deduction"] {
        assert!(Template::builtin(name).is_some());
    }
    assert!(Template::builtin("other").is_none());
}

#[test]
fn a_text_without_subject_or_body_is_refused_at_its_line() {
    for (text, line) in [
        ("", 1),
        ("{{ code }}", 1),
        ("Subject:\n\n{{ code }}", 1),
        ("subject: x\n\n{{ code }}", 1),
        ("Subject: x\n{{ code }}\n", 2),
        ("Subject: x\n\n", 3),
        ("Subject: x", 3),
    ] {
        assert_eq!(refused(text, None).line, line, "{text:?}");
    }
}

#[test]
fn a_code_that_is_not_alone_on_its_line_is_refused() {
    for body in [
        "no code at all",
        "Your code: {{ code }}",
        "{{ code }}.",
        "  {{ code }}",
        "{{ code }}\n{{ code }}",
        "{% if amount %}\n{{ code }}\n{% endif %}",
        "{{ code | replace('\\x1a', 'x') }}",
        "{% for digit in code %}{{ digit }} {% endfor %}",
    ] {
        let error = refused(&with_body(body), None);
        assert_eq!(error.part, Part::Text, "{body:?}");
    }
    assert_eq!(refused(&with_body("Hello\n\nCode: {{ code }}\n"), None).line, 5);
}

#[test]
fn a_code_in_the_subject_is_refused() {
    let error = refused("Subject: {{ code }} is your code\n\n{{ code }}\n", None);
    assert_eq!((error.part, error.line), (Part::Subject, 1));
}

#[test]
fn a_code_in_html_must_fill_one_element() {
    let text = with_body("{{ code }}");
    assert!(Template::compile("own", &text, Some("<p>{{ code }}</p>")).is_ok());
    for html in [
        "<p>nothing</p>",
        "<p>Code {{ code }}</p>",
        "<a href=\"/{{ code }}\">x</a>",
        "<p>{{ code }} </p>",
        "<p>{{ code }}</p><p>{{ code }}</p>",
    ] {
        assert_eq!(refused(&text, Some(html)).part, Part::Html, "{html:?}");
    }
}

#[test]
fn faults_are_found_at_load_with_their_line() {
    for (body, line, says) in [
        ("{{ code }}\n\n{{ amout }}", 5, "amout"),
        ("{{ code }}\n{% if %}", 4, "syntax"),
        ("{{ code }}\n{{ amount }}", 4, "missing"),
        ("{{ code }}\n{{ bound.to }}", 4, "missing"),
        ("{{ code }}\n{{ purpose | nonsense }}", 4, "nonsense"),
        ("{{ code }}\n{% include 'other' %}", 4, "other"),
        (
            "{{ code }}\n{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
            4,
            "fuel",
        ),
        ("{{ code }}\nbell \u{7}", 4, "control"),
        ("{{ code }}\nasked for at\n{{ requested_att }}", 5, "requested_att"),
        ("Your code:\n{{ code }}.", 4, "alone"),
    ] {
        let error = refused(&with_body(body), None);
        assert_eq!(error.line, line, "{error}");
        assert!(error.message.contains(says), "{error}");
    }
}

/// As many characters, from a template that is much shorter.
fn unfolding_to(count: usize) -> String {
    let line = "x".repeat(64);
    format!("{{% for i in range({}) %}}{line}{{% endfor %}}{}", count / 64, "x".repeat(count % 64))
}

#[test]
fn a_template_may_have_64_kib_and_so_may_each_part_of_its_mail() {
    let written = |length: usize| format!("{{{{ code }}}}\n{}", "x".repeat(length - 11));
    assert!(Template::compile("own", &with_body(&written(64 * 1024)), None).is_ok());
    assert_eq!(refused(&with_body(&written(64 * 1024 + 1)), None).message, "is longer than 64 KiB");
    // The code's line, and the line end after everything.
    let text = |length: usize| with_body(&format!("{{{{ code }}}}\n{}", unfolding_to(length - 3)));
    assert!(Template::compile("own", &text(64 * 1024), None).is_ok());
    assert_eq!(refused(&text(64 * 1024 + 1), None).message, "the text is longer than 64 KiB");
    let html = |length: usize| format!("<p>{{{{ code }}}}</p>{}", unfolding_to(length - 8));
    assert!(Template::compile("own", &with_body("{{ code }}"), Some(&html(64 * 1024))).is_ok());
    let error = refused(&with_body("{{ code }}"), Some(&html(64 * 1024 + 1)));
    assert_eq!((error.part, error.message.as_str()), (Part::Html, "the HTML is longer than 64 KiB"));
}

#[test]
fn a_subject_is_one_line_of_120_characters_at_most() {
    let with_subject = |subject: &str| format!("Subject: {subject}\n\n{{{{ code }}}}\n");
    assert!(Template::compile("own", &with_subject(&"ä".repeat(120)), None).is_ok());
    for (subject, says) in [("ä".repeat(121).as_str(), "120 characters"), ("a{{ '\\n' }}b", "one line")] {
        let error = refused(&with_subject(subject), None);
        assert!(error.part == Part::Subject && error.message.contains(says), "{error}");
    }
}

#[test]
fn only_html_is_escaped() {
    let text = with_body("{{ code }}\n{{ '<b>' }}\n");
    let template = Template::compile("own", &text, Some("<p>{{ code }}</p>{{ '<b>' }}")).unwrap();
    let mail = render(&template, "wallet_funding", &[]).unwrap();
    assert_eq!(mail.text.as_str(), "038645\n<b>\n");
    assert_eq!(mail.html.unwrap().as_str(), "<p>038645</p>&lt;b&gt;");
}

#[test]
fn a_lock_notice_is_checked_at_load_too() {
    for (text, line, says) in [
        ("Subject: x\n\nLocked.\n{{ code }}", 4, "no variable `code`"),
        ("Subject: x\n\nUntil {{ locked_until }}.", 3, "missing"),
        ("Subject: x{{ '\\n' }}y\n\nLocked.", 1, "one line"),
    ] {
        let error = Template::compile_lock_notice("own", text, None).unwrap_err();
        assert!(error.line == line && error.message.contains(says), "{error}");
    }
}

#[test]
fn a_mail_that_only_some_values_make_too_long_is_not_sent() {
    let subject = "Subject: {% if bound.to %}{% for i in range(9) %}{{ bound.to }}{% endfor %}{% endif %}x";
    let text = format!("{subject}\n\n{{{{ code }}}}\n");
    let template = Template::compile("own", &text, None).unwrap();
    let error = render(&template, "wallet_funding", &[("to", "0123456789012345")]).unwrap_err();
    let message = "the subject is longer than 120 characters";
    assert_eq!(error, RenderError::Rule { template: "own".to_owned(), message });
}

/// A text that had to grow would leave a copy of the code behind, which nobody wipes.
#[test]
fn a_code_is_put_into_one_allocation_of_the_final_length() {
    let code = Code::presented("038645", None).unwrap();
    let text = insert("Use this code to fund your wallet.\n\u{1a}\n", &code);
    assert_eq!(text.as_str(), "Use this code to fund your wallet.\n038645\n");
    assert_eq!(text.capacity(), text.len() + "\u{1a}".len());
}

#[test]
fn a_refusal_names_the_part_and_the_line() {
    let error = refused(&with_body("no code at all"), None);
    assert!(error.to_string().starts_with("text part, line 3: `{{ code }}` must stand"), "{error}");
    assert_eq!(Template::compile("own", &with_body("{{ code }}"), None).unwrap().name(), "own");
}

#[test]
fn own_templates_may_use_what_is_bound() {
    let body = "{{ code }}\n{% if bound.to %}To {{ bound.to }}{% else %}To nobody{% endif %}\n";
    let template = Template::compile("own", &with_body(body), None).unwrap();
    let mail = render(&template, "wallet_funding", &[("to", "NG-12 34")]).unwrap();
    assert_eq!(mail.text.as_str(), "038645\nTo NG-12 34\n");
    let mail = render(&template, "wallet_funding", &[]).unwrap();
    assert_eq!(mail.text.as_str(), "038645\nTo nobody\n");
}

#[test]
fn bound_values_cannot_break_out_of_a_mail() {
    let text = "Subject: To {{ bound.to }}\n\n{{ code }}\n{% if bound.to %}{{ bound.to }}{% endif %}\n";
    let error = Template::compile("own", text, None).unwrap_err();
    assert_eq!(error.part, Part::Subject, "a subject line needs the value too");

    let text = "Subject: To{% if bound.to %} {{ bound.to }}{% endif %}\n\n{{ code }}\n";
    let template =
        Template::compile("own", text, Some("<p>{{ code }}</p>{% if bound.to %}{{ bound.to }}{% endif %}"))
            .unwrap();
    let evil = "x\r\nBcc: a@b.example\u{1a}<img src=https://evil.example>";
    let mail = render(&template, "wallet_funding", &[("to", evil)]).unwrap();
    assert_eq!(mail.subject, "To x  Bcc  a b example  img src https   evil example");
    assert_eq!(mail.text.as_str(), "038645\n");
    assert_eq!(mail.html.unwrap().matches("038645").count(), 1);
}

#[test]
fn windows_line_ends_are_taken() {
    let template = Template::compile("own", "Subject: x\r\n\r\nCode:\r\n{{ code }}\r\n", None).unwrap();
    assert_eq!(render(&template, "wallet_funding", &[]).unwrap().text.as_str(), "Code:\n038645\n");
}

#[test]
fn a_template_that_fails_only_for_some_values_says_so_without_them() {
    let body =
        "{{ code }}\n{% if bound.to %}{% if bound.to == 'NG1' %}{{ bound.other }}{% endif %}{% endif %}";
    let template = Template::compile("own", &with_body(body), None).unwrap();
    let error = render(&template, "wallet_funding", &[("to", "NG1")]).unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("line 4") && !shown.contains("NG1") && !shown.contains("038645"), "{shown}");
}

#[test]
fn neither_mails_nor_templates_show_in_debug_output() {
    let mail = render(&Template::builtin_code(), "wallet_funding", &[]).unwrap();
    assert_eq!(format!("{mail:?} {:?}", Template::builtin_code()), "Rendered(***) Template(default)");
}
