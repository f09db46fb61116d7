//! Secrets: from a flag, an environment variable or a file, never shown.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::domain::keyring::KeyId;

/// Reads the content of a secret's file, without the final line break that editors add.
///
/// # Errors
/// A sentence that names the file.
pub fn from_file(path: &Path) -> Result<Zeroizing<String>, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|problem| format!("cannot read {}: {problem}", path.display()))?;
    let text = Zeroizing::new(text);
    let trimmed = text.trim_end_matches(['\r', '\n']);
    if trimmed.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(Zeroizing::new(trimmed.to_owned()))
}

/// The configured keys, newest first.
pub type CodeKeys = Vec<(KeyId, Zeroizing<[u8; 32]>)>;

/// Reads `kid:base64,kid:base64`, newest first, 32 bytes each.
///
/// # Errors
/// A sentence that names the entry by its place or its key id, never by its content.
pub fn code_keys(text: &str) -> Result<CodeKeys, String> {
    const MAKE: &str = "make one with: echo \"k1:$(openssl rand -base64 32)\"";
    let mut keys = CodeKeys::new();
    for (place, entry) in text.split(',').map(str::trim).enumerate() {
        let number = place + 1;
        let (kid, secret) = entry
            .split_once(':')
            .ok_or_else(|| format!("code key {number} has no `kid:` before it; {MAKE}"))?;
        let kid = KeyId::parse(kid).map_err(|problem| format!("the id of code key {number} {problem}"))?;
        let bytes = STANDARD
            .decode(secret)
            .map(Zeroizing::new)
            .map_err(|_| format!("code key {} is not base64; {MAKE}", kid.as_str()))?;
        let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| {
            format!("code key {} has {} bytes instead of 32; {MAKE}", kid.as_str(), bytes.len())
        })?;
        if keys.iter().any(|(known, _)| *known == kid) {
            return Err(format!("the key id {} is there twice", kid.as_str()));
        }
        keys.push((kid, Zeroizing::new(key)));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_newest_first() {
        let a = STANDARD.encode([1; 32]);
        let b = STANDARD.encode([2; 32]);
        let keys = code_keys(&format!("new:{a}, old:{b}")).unwrap();
        assert_eq!(keys.iter().map(|(kid, _)| kid.as_str()).collect::<Vec<_>>(), ["new", "old"]);
        assert_eq!(*keys[1].1, [2; 32]);
    }

    #[test]
    fn a_broken_key_is_named_but_never_shown() {
        let short = STANDARD.encode([1; 16]);
        for bad in [
            String::new(),
            "secretsecret".into(),
            "a:secret!".into(),
            format!("a:{short}"),
            format!(":{short}"),
        ] {
            let error = code_keys(&bad).unwrap_err();
            assert!(!error.contains("secret") && !error.contains(&short), "{error}");
        }
        let good = STANDARD.encode([1; 32]);
        assert!(code_keys(&format!("a:{good},a:{good}")).unwrap_err().contains("twice"));
    }
}
