//! Whom an HTTPS server's certificate must come from.

use std::path::Path;
use std::{env, fs};

use ureq::tls::{PemItem, RootCerts, parse_pem};

/// Where a file is named that replaces the built-in authorities, as for other programs.
const VARIABLE: &str = "SSL_CERT_FILE";

/// The authorities: those of Mozilla's list, or those in the file. Reads it, so not for a loop.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn authorities() -> Result<RootCerts, String> {
    let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) else {
        return Ok(RootCerts::WebPki);
    };
    let path = Path::new(&path);
    let wrong = |why: &str| format!("{VARIABLE}, {}, {why}", path.display());
    let text = fs::read(path).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&text) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(wrong(&format!("is no PEM file: {error}"))),
        }
    }
    if certificates.is_empty() {
        return Err(wrong("holds no certificate"));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}
