//! The token of a test account.

use std::path::Path;

use anyhow::{anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::config::secret;

/// The test account's token, from a flag or a file; `None` when neither is given.
pub(in crate::cli) fn token(
    value: Option<&str>,
    file: Option<&Path>,
) -> anyhow::Result<Option<Zeroizing<String>>> {
    let text = match (value, file) {
        (_, Some(path)) => secret::from_file(path).map_err(|problem| anyhow!("--token-file: {problem}"))?,
        (Some(value), None) => Zeroizing::new(value.to_owned()),
        (None, None) => return Ok(None),
    };
    let text = Zeroizing::new(text.trim().to_owned());
    if text.is_empty() || text.bytes().any(|b| !b.is_ascii_graphic()) {
        bail!("the token is empty or has characters that no token has");
    }
    Ok(Some(text))
}

/// The claim `email` of a token, whose signature is the wallet's business.
pub(in crate::cli) fn email_of(token: &str) -> Option<String> {
    let claims = token.split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    claims.get("email")?.as_str().map(str::to_owned)
}
