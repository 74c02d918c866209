//! The head of every page: what it may load, which is nothing, and how it looks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::{Medium, style};

/// From the beginning of the page to its body. The title is HTML already; `run` names the run that the page is about, if
/// it is about one.
pub(super) fn head(medium: Medium, title: &str, run: Option<&str>) -> String {
    let style = style::sheet(medium, run);
    let digest = STANDARD.encode(Sha256::digest(style.as_bytes()));
    let scheme = match medium {
        Medium::Screen => "light dark",
        Medium::Paper => "light",
    };
    // Nothing is loaded, nothing is run, nothing is sent; the style is this one and no other.
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{digest}'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"{scheme}\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title}</title>\n<style>{style}</style>\n</head>\n"
    )
}
