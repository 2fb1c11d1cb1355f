//! As much of HTTP/1.1 as a page needs that is fetched by programs: what a request asks for, and the answer.

use std::fmt::Display;

use crate::metrics::Exposition;

/// How long the head of a request may be.
pub(super) const MOST_BYTES: usize = 8 << 10;
/// How many header fields it may have.
const MOST_FIELDS: usize = 64;

/// What is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The page; to a HEAD request, without its body.
    Page {
        head_only: bool,
    },
    Refusal {
        refusal: Refusal,
        head_only: bool,
    },
}

/// Why there is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Malformed,
    NotFound,
    MethodNotAllowed,
    TimedOut,
    TooLarge,
    TooMany,
    UnknownVersion,
}

impl Refusal {
    /// The status line's number and words, and a text for people.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Refusal::Malformed => ("400 Bad Request", "That is no HTTP request."),
            Refusal::NotFound => ("404 Not Found", "The metrics are at /metrics."),
            Refusal::MethodNotAllowed => {
                ("405 Method Not Allowed", "The metrics can be read, and nothing else.")
            }
            Refusal::TimedOut => ("408 Request Timeout", "The request took too long."),
            Refusal::TooLarge => ("431 Request Header Fields Too Large", "The request is too long."),
            Refusal::TooMany => ("503 Service Unavailable", "Too many connections."),
            Refusal::UnknownVersion => ("505 HTTP Version Not Supported", "Known are HTTP/1.0 and HTTP/1.1."),
        }
    }

    /// All of the response.
    pub(super) fn response(self, head_only: bool) -> Vec<u8> {
        let (status, text) = self.texts();
        let fields = if self == Refusal::MethodNotAllowed { "Allow: GET, HEAD\r\n" } else { "" };
        response(status, fields, "text/plain; charset=utf-8", &format!("{text}\n"), head_only)
    }
}

/// All of the response with the page.
pub(super) fn page(page: &Exposition, head_only: bool) -> Vec<u8> {
    response("200 OK", "", Exposition::CONTENT_TYPE, &page.to_string(), head_only)
}

fn response(status: &str, fields: impl Display, content_type: &str, body: &str, head_only: bool) -> Vec<u8> {
    let length = body.len();
    let body = if head_only { "" } else { body };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         {fields}Connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// What to answer to the bytes that came so far; `None` if they are no whole head yet.
pub(super) fn answer(bytes: &[u8]) -> Option<Answer> {
    let refuse = |refusal| Some(Answer::Refusal { refusal, head_only: false });
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < MOST_BYTES => return None,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return refuse(Refusal::TooLarge);
        }
        Err(httparse::Error::Version) => return refuse(Refusal::UnknownVersion),
        Err(_) => return refuse(Refusal::Malformed),
    };
    if length > MOST_BYTES {
        return refuse(Refusal::TooLarge);
    }
    let hosts = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case("host")).count();
    let (Some(method), Some(target)) = (request.method, request.path) else {
        return refuse(Refusal::Malformed);
    };
    if hosts > 1 || hosts == 0 && request.version == Some(1) {
        return refuse(Refusal::Malformed);
    }
    let head_only = method == "HEAD";
    Some(match (path(target), method) {
        ("/metrics", "GET" | "HEAD") => Answer::Page { head_only },
        ("/metrics", _) => Answer::Refusal { refusal: Refusal::MethodNotAllowed, head_only },
        _ => Answer::Refusal { refusal: Refusal::NotFound, head_only },
    })
}

/// The path of a request's target, which may be a whole URL, and may have a query.
fn path(target: &str) -> &str {
    let is_http = |scheme: &str| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let path = match target.split_once("://") {
        Some((scheme, rest)) if is_http(scheme) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        _ => target,
    };
    path.split('?').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &str) -> Option<Refusal> {
        match answer(text.as_bytes()) {
            Some(Answer::Refusal { refusal, .. }) => Some(refusal),
            _ => None,
        }
    }

    #[test]
    fn the_page_is_at_its_path_with_whatever_query() {
        for target in ["/metrics", "/metrics?name=x", "http://host:1/metrics", "HTTP://host/metrics?x"] {
            let text = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
            assert_eq!(answer(text.as_bytes()), Some(Answer::Page { head_only: false }), "{target}");
        }
        let head = b"HEAD /metrics HTTP/1.0\r\n\r\n";
        assert_eq!(answer(head), Some(Answer::Page { head_only: true }));
    }

    #[test]
    fn all_else_is_refused_by_its_own_status() {
        let field = |length| "x".repeat(length);
        for (text, expected) in [
            ("GET / HTTP/1.0\r\n\r\n".into(), Refusal::NotFound),
            ("GET http://host HTTP/1.0\r\n\r\n".into(), Refusal::NotFound),
            ("GET /metrics/ HTTP/1.0\r\n\r\n".into(), Refusal::NotFound),
            ("POST / HTTP/1.0\r\n\r\n".into(), Refusal::NotFound),
            ("POST /metrics HTTP/1.0\r\n\r\n".into(), Refusal::MethodNotAllowed),
            ("get /metrics HTTP/1.0\r\n\r\n".into(), Refusal::MethodNotAllowed),
            ("GET /metrics HTTP/1.1\r\n\r\n".into(), Refusal::Malformed),
            ("GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into(), Refusal::Malformed),
            ("GET /metrics HTTP/2.0\r\n\r\n".into(), Refusal::UnknownVersion),
            ("GET\r\n\r\n".into(), Refusal::Malformed),
            ("GET /metrics\r\n\r\n".into(), Refusal::Malformed),
            ("\u{16}\u{3}\u{1}".into(), Refusal::Malformed),
            (format!("GET /metrics HTTP/1.0\r\nX: {}", field(MOST_BYTES)), Refusal::TooLarge),
            (format!("GET /metrics HTTP/1.0\r\nX: {}\r\n\r\n", field(MOST_BYTES)), Refusal::TooLarge),
            (format!("GET /metrics HTTP/1.0\r\n{}\r\n", "X: y\r\n".repeat(65)), Refusal::TooLarge),
        ] {
            assert_eq!(refusal(&text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_response_to_head_tells_the_length_of_what_it_leaves_out() {
        let text = |head_only| String::from_utf8(Refusal::NotFound.response(head_only)).unwrap();
        assert!(text(false).starts_with(&text(true)) && text(true).ends_with("\r\n\r\n"));
        let body = text(false)[text(true).len()..].len();
        assert!(text(true).contains(&format!("Content-Length: {body}\r\n")));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_answered_or_waited_for(bytes in prop::collection::vec(any::<u8>(), 0..2 * MOST_BYTES)) {
            let answered = answer(&bytes);
            prop_assert!(answered.is_some() || bytes.len() < MOST_BYTES);
        }

        #[test]
        fn a_part_of_a_request_is_waited_for(length in 0usize..45) {
            let whole = b"GET /metrics HTTP/1.1\r\nHost: somewhere\r\n\r\n";
            let length = length.min(whole.len());
            prop_assert_eq!(answer(&whole[..length]).is_some(), length == whole.len());
        }
    }
}
