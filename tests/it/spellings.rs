//! Spellings of one path: everything that some server, router or framework may take for it, and more.

use std::collections::BTreeSet;

/// Every spelling of a path that the tests know, as the bytes of a request target. Few of them are taken by
/// any one backend.
pub fn spellings(path: &str) -> BTreeSet<Vec<u8>> {
    let mut all: BTreeSet<Vec<u8>> = BTreeSet::new();
    all.extend(encodings(path).into_iter().chain(insertions(path)).chain(whole(path)));
    all.insert(path.as_bytes().to_vec());
    all
}

/// Two things done to the path as a whole, one after the other.
pub fn combined_spellings(path: &str) -> BTreeSet<Vec<u8>> {
    let once = whole(path).into_iter().filter_map(|first| String::from_utf8(first).ok());
    once.filter(|first| first.starts_with('/')).flat_map(|first| whole(&first)).collect()
}

/// Each character written in another way.
fn encodings(path: &str) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (at, byte) in path.bytes().enumerate() {
        let (before, after) = (&path.as_bytes()[..at], &path.as_bytes()[at + 1..]);
        let wide = char::from_u32(u32::from(byte) + 0xfee0).unwrap();
        for spelt in [
            format!("%{byte:02x}"),
            format!("%{byte:02X}"),
            format!("%25{byte:02x}"),
            format!("%u{byte:04x}"),
            format!("%{:02x}%{:02x}", 0xc0 | (byte >> 6), 0x80 | (byte & 0x3f)),
            wide.to_string(),
            wide.to_string().bytes().map(|b| format!("%{b:02X}")).collect(),
            char::from(byte ^ 0x20).to_string(),
        ] {
            all.push([before, spelt.as_bytes(), after].concat());
        }
    }
    all
}

/// Something put before or after each slash.
fn insertions(path: &str) -> Vec<Vec<u8>> {
    let extra: &[&[u8]] = &[
        b"/",
        b"//",
        b"./",
        b"../",
        b"x/../",
        b"x/..;/",
        b".;/",
        b"%2e/",
        b"%2e%2e/",
        b"x/%2e%2e/",
        b"x%2f../",
        b";/",
        b";x=1/",
        b"\\",
        b"%5c",
        b"%2f",
        b"%252f",
        b"%00",
        b"%20",
        b"%09",
        b"%0a",
        b"+",
        b"\t",
        b"%c0%af",
        b"\xc0\xaf",
        b"#/",
        b"?/",
        b"x/%2e%2e%2f",
        b"\x7f",
        b"\xa0",
        b"%a0",
        b"%e2%80%8b",
    ];
    let slashes: Vec<usize> =
        path.bytes().enumerate().filter(|(_, b)| *b == b'/').map(|(at, _)| at).collect();
    let ends = slashes.iter().flat_map(|at| [*at, at + 1]).chain([path.len()]);
    ends.flat_map(|at| {
        let (before, after) = path.as_bytes().split_at(at);
        extra.iter().map(move |piece| [before, piece, after].concat())
    })
    .collect()
}

/// Something done to the path as a whole.
fn whole(path: &str) -> Vec<Vec<u8>> {
    let endings: &[&str] = &[
        "/",
        "//",
        "/.",
        "/./",
        "/x/..",
        "/x/../",
        "/x/..%2f",
        "/%2e",
        "/x/%2e%2e",
        ".",
        "..",
        ".json",
        ".html",
        "/.json",
        ";",
        ";x",
        ";x=1/..",
        ";a%2f..",
        "?",
        "?x",
        "?/x",
        "#",
        "#x",
        "%23",
        "%23x",
        "%3f",
        "%3fx=1",
        "%00",
        "%00.png",
        "%20",
        "%20/",
        "%09",
        "%0a",
        "%0d%0a",
        "+",
        "%2f",
        "%2F",
        "%252f",
        "%5c",
        "\\",
        "/\\",
        "%",
        "%2",
        "%zz",
        "%ff",
        "%a0",
        "~",
        "*",
        "\u{a0}",
        "\u{feff}",
        "\u{2028}",
        "&x",
        "%26x",
        "=",
        ",",
        "!",
        "/#",
        "\\#",
        "/?#",
    ];
    let starts: &[&str] = &[
        "/",
        "//",
        "/.",
        "/./",
        "/x/..",
        "/..",
        "/../..",
        "/%2e%2e",
        "/x/..;",
        "/;x",
        "//host",
        "///host",
        "//host:80",
        "//user@host",
        "/\\host",
        "\\",
        "/%2f",
        "http://wallet",
        "HTTP://wallet",
        "http://other:80",
        "https://wallet",
        "http://user@wallet",
        "http:",
        "http:/",
        "ws://wallet",
        "file://",
        "wallet",
        "wallet:80",
        "*",
        "?",
        "#",
        ".",
        "",
    ];
    let mut all: Vec<String> = endings.iter().map(|end| format!("{path}{end}")).collect();
    all.extend(starts.iter().map(|start| format!("{start}{path}")));
    all.push(path.to_uppercase());
    all.push(path.replace('/', "\\"));
    all.push(path.replace('/', "%2f"));
    all.push(format!("/{}", path[1..].replace('/', "\\")));
    all.push(format!("/{}", path[1..].replace('/', "%2F")));
    all.push(format!("{}#", path.replace('/', "\\")));
    all.push(format!("/{}#", path[1..].replace('/', "\\")));
    all.push(format!("/{}\u{a0}", path[1..].replace('/', "\\")));
    all.push(path.replace('/', "//"));
    all.push(path.bytes().map(|b| if b == b'/' { "/".to_owned() } else { format!("%{b:02x}") }).collect());
    all.push(path.replace('s', "ſ").replace('k', "\u{212a}"));
    all.into_iter().map(String::into_bytes).collect()
}
