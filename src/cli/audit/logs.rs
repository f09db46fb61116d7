//! No codes and no tokens in log files: the guide's grep, done right.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context as _;
use flate2::read::MultiGzDecoder;

use super::scan::{Leak, leaks};
use super::world::{Checks, World};
use crate::cli::output::visible;

/// Longer lines are looked at in pieces.
const LONGEST: u64 = 1024 * 1024;

/// How many line numbers are shown.
const SHOWN: usize = 5;

const ADVICE: &str = "Whoever reads these logs can use them: find what writes them, let it write the field's name only, and \
                      delete the lines.";

/// What was found in one file.
#[derive(Default)]
struct Found {
    lines: u64,
    leaks: BTreeMap<Leak, Vec<u64>>,
    broken: Option<String>,
}

pub(super) fn check(world: &World<'_>, checks: &mut Checks) -> anyhow::Result<()> {
    if world.logs.is_empty() {
        checks.skip("no codes and no tokens in logs", "needs --logs FILE…");
    }
    for path in world.logs {
        let shown = visible(&path.display().to_string());
        let found = read(open(path).with_context(|| format!("cannot read the log {shown}"))?);
        judge(checks, &format!("{shown} has no codes and no tokens"), &found);
    }
    Ok(())
}

fn judge(checks: &mut Checks, name: &str, found: &Found) {
    for (leak, lines) in &found.leaks {
        let numbers: Vec<String> = lines.iter().take(SHOWN).map(ToString::to_string).collect();
        let all = if lines.len() > SHOWN { format!(", … ({} in all)", lines.len()) } else { String::new() };
        let seen = format!("a {}: line {}{all}", leak.name(), numbers.join(", "));
        checks.fail(name, seen, ADVICE);
    }
    match (&found.broken, found.leaks.is_empty()) {
        (Some(problem), _) => checks.fail(
            name,
            format!("cannot be read beyond line {}: {problem}", found.lines),
            "What is behind that is not examined: give the whole file.",
        ),
        (None, true) => checks.pass(name, format!("{} lines", found.lines)),
        (None, false) => {}
    }
}

/// The file, unpacked if it is compressed, whatever its name says.
fn open(path: &Path) -> std::io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::new(File::open(path)?);
    let is_gz = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if is_gz { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) })
}

fn read(mut file: Box<dyn BufRead>) -> Found {
    let mut found = Found::default();
    let mut begins_line = true;
    loop {
        let mut line = Vec::new();
        match (&mut file).take(LONGEST).read_until(b'\n', &mut line) {
            Err(error) => {
                found.broken = Some(error.to_string());
            }
            Ok(0) => return found,
            Ok(_) => {}
        }
        if begins_line && !line.is_empty() {
            found.lines += 1;
        }
        begins_line = line.last() == Some(&b'\n');
        for leak in leaks(&String::from_utf8_lossy(&line)) {
            let lines = found.leaks.entry(leak).or_default();
            if lines.last() != Some(&found.lines) {
                lines.push(found.lines);
            }
        }
        if found.broken.is_some() {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write as _};

    fn found(text: &[u8]) -> Found {
        read(Box::new(Cursor::new(text.to_vec())))
    }

    #[test]
    fn lines_are_numbered_as_editors_do_and_the_last_may_be_half() {
        let found = found(b"ok\notp=603645\n\xff\xfe\nbroken otp=60364");
        assert_eq!((found.lines, &found.leaks[&Leak::Code]), (4, &vec![2]));
    }

    #[test]
    fn a_cut_archive_is_read_as_far_as_it_goes_and_told() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        for number in 0..20_000 {
            writeln!(packed, "line {number} {}", number * 7919 % 104_729).unwrap();
        }
        writeln!(packed, "otp=603645").unwrap();
        let packed = packed.finish().unwrap();
        let unpacked =
            |bytes: &[u8]| read(Box::new(BufReader::new(MultiGzDecoder::new(Cursor::new(bytes.to_vec())))));
        assert_eq!(unpacked(&packed).leaks[&Leak::Code], [20_001]);
        let cut = unpacked(&packed[..packed.len() / 2]);
        assert!(cut.broken.is_some() && cut.lines > 100);
    }
}
