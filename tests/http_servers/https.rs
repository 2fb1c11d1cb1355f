//! Servers over HTTPS, with a certificate of their own.

use std::env;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use mcp_event::server::ServerStatus;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

use super::{Stage, never};

const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http_servers/tls/certificate.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http_servers/tls/key.pem");

/// Says to the first client that it does not know it. Gives the URL.
fn start_server() -> String {
    let certificate = CertificateDer::from_pem_file(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_file(KEY).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/mcp", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut connection = ServerConnection::new(config).unwrap();
        let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\nConnection: close\r\n\r\nwho's it?";
        let mut stream = Stream::new(&mut connection, &mut socket);
        let mut request = Vec::new();
        while !request.ends_with(b"}") {
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer) {
                Ok(count) if count > 0 => request.extend_from_slice(&buffer[..count]),
                // The client does not trust it.
                _ => return,
            }
        }
        stream.write_all(answer).unwrap();
        connection.send_close_notify();
        let _ = connection.complete_io(&mut socket);
    });
    url
}

#[test]
fn an_https_server_that_nobody_vouches_for_is_not_talked_to() {
    let stage = Stage::new(&start_server(), never());
    let reason = stage.until(ServerStatus::Failed).reason;
    assert!(reason.contains("cannot be reached: invalid peer certificate"), "{reason}");
}

/// Runs a test of this file in a process that trusts the certificates of this file.
fn run_trusting(file: &str, test: &str) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "--ignored", test]).env("SSL_CERT_FILE", file);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn authorities_come_from_a_file() {
    run_trusting(CERTIFICATE, "https::trusting");
}

#[test]
fn a_file_without_authorities_is_named() {
    run_trusting(KEY, "https::trusting_nobody");
}

#[test]
#[ignore = "its environment comes from another test"]
fn trusting() {
    let stage = Stage::new(&start_server(), never());
    let reason = stage.until(ServerStatus::Failed).reason;
    assert!(reason.contains("HTTP 403 Forbidden: who's it?"), "{reason}");
}

#[test]
#[ignore = "its environment comes from another test"]
fn trusting_nobody() {
    let stage = Stage::new("https://localhost:1/", never());
    let reason = stage.until(ServerStatus::Failed).reason;
    assert!(reason.contains("tls/key.pem, holds no certificate"), "{reason}");
}
