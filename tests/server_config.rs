//! The configuration of servers: what is read, what is refused and how, and what a new one changes.

#![cfg(feature = "servers")]

use std::time::Duration;
use std::{env, fs, process};

use mcp_event::server::{
    Backoff, Change, Config, ConfigError, Fault, FaultKind, RestartPolicy, RestartSettings, ServerConfig,
    Settings, Transport,
};

const MS: Duration = Duration::from_millis(1);

fn variables(name: &str) -> Option<String> {
    match name {
        "HOME" => Some("/home/ada".into()),
        "TOKEN" => Some("s3cret".into()),
        "NUL" => Some("a\0b".into()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

#[track_caller]
fn config(text: &str) -> Config {
    Config::parse(text, variables).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A configuration with one server, `a`, of these members.
fn text_of(members: &str) -> String {
    format!(r#"{{"mcpServers": {{"a": {{{members}}}}}}}"#)
}

#[track_caller]
fn server(members: &str) -> ServerConfig {
    config(&text_of(members)).servers.remove(0)
}

#[track_caller]
fn fault(text: &str) -> Fault {
    match Config::parse(text, variables) {
        Err(ConfigError::Invalid { file: None, fault }) => fault,
        other => panic!("{other:?}\n{text}"),
    }
}

/// Each text with the fault that it must give.
#[track_caller]
fn assert_faults(cases: &[(&str, FaultKind, &str)]) {
    for (text, kind, message) in cases {
        let fault = fault(text);
        assert_eq!((fault.to_string().as_str(), fault.kind), (*message, *kind), "{text}");
    }
}

/// As `assert_faults`, for the members of a server.
#[track_caller]
fn assert_server_faults(cases: &[(&str, FaultKind, &str)]) {
    for (members, kind, message) in cases {
        assert_faults(&[(&text_of(members), *kind, &format!("$.mcpServers.a{message}"))]);
    }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.into(), value.into())
}

#[test]
fn a_file_as_other_hosts_have_it_is_read_as_it_is() {
    let config = config(
        r#"{"mcpServers": {
            "files": {"command": "npx", "args": ["-y", "files", "/srv"], "env": {"B": "1", "A": "2"}},
            "remote": {"type": "http", "url": "https://example.com/mcp", "headers": {"X-Key": "k"}},
            "older": {"type": "stdio", "command": "./server", "cwd": "/opt", "disabled": true}
        }}"#,
    );
    let names: Vec<_> = config.servers.iter().map(|server| server.name.as_str()).collect();
    assert_eq!(names, ["files", "remote", "older"]);
    assert_eq!(config.warnings, []);
    assert!(config.state.enabled && config.state.path.is_none());
    let Transport::Stdio { env, .. } = &config.server("files").unwrap().transport else { panic!() };
    assert_eq!(*env, [pair("B", "1"), pair("A", "2")], "in the order of the file");
    let Transport::Http { url, headers } = &config.server("remote").unwrap().transport else { panic!() };
    assert_eq!((url.as_str(), &headers[..]), ("https://example.com/mcp", &[pair("X-Key", "k")][..]));
    assert!(config.server("older").unwrap().settings.disabled);
    assert!(config.server("nobody").is_none());
    assert_eq!(config.server("files").unwrap().settings, Settings::default());
}

#[test]
fn all_keys_of_ours_are_read() {
    let settings = server(
        r#""url": "http://x", "type": "streamable-http", "autostart": false, "disabled": true,
        "restart": {"policy": "always", "maxRestarts": 7, "windowMs": 8,
                    "backoff": {"initialMs": 9, "maxMs": 10, "factor": 1.5, "jitter": 0}},
        "healthIntervalMs": 1, "healthTimeoutMs": 2, "healthFailureThreshold": 3, "startTimeoutMs": 4,
        "requestTimeoutMs": 5, "stopTimeoutMs": 6, "maxMessageBytes": 1024, "category": "tools",
        "capabilities": ["read", "write"], "workingSetLimitBytes": 1048576"#,
    )
    .settings;
    let Settings { disabled, autostart, health_failure_threshold, max_message_bytes, .. } = settings;
    assert_eq!((disabled, autostart, health_failure_threshold, max_message_bytes), (true, false, 3, 1024));
    assert_eq!((settings.health_interval, settings.health_timeout), (Some(MS), 2 * MS));
    let timeouts = (settings.start_timeout, settings.request_timeout, settings.stop_timeout);
    assert_eq!(timeouts, (4 * MS, 5 * MS, 6 * MS));
    assert_eq!((settings.working_set_limit, settings.category.as_deref()), (Some(1 << 20), Some("tools")));
    assert_eq!(settings.capabilities, ["read", "write"]);
    let RestartSettings { policy, max_restarts, window, backoff, .. } = settings.restart;
    assert_eq!((policy, max_restarts, window), (RestartPolicy::Always, Some(7), 8 * MS));
    let Backoff { initial, max, factor, jitter, .. } = backoff;
    assert_eq!((initial, max, factor, jitter), (9 * MS, 10 * MS, 1.5, 0.0));
}

#[test]
fn defaults_are_overlaid_key_by_key() {
    let config = config(
        r#"{"mcpServers": {"a": {"command": "x", "restart": {"backoff": {"factor": 3}}, "healthIntervalMs": 5},
                           "b": {"command": "x", "healthIntervalMs": null, "restart": {"maxRestarts": null}}},
            "defaults": {"restart": {"policy": "never", "maxRestarts": 2, "backoff": {"jitter": 1}},
                         "healthIntervalMs": 9, "capabilities": ["all"]},
            "state": {"path": "${HOME}/state.json", "enabled": false}}"#,
    );
    let [a, b] = &config.servers[..] else { panic!() };
    let (a, b) = (&a.settings, &b.settings);
    assert_eq!((a.restart.policy, a.restart.max_restarts), (RestartPolicy::Never, Some(2)));
    assert_eq!((a.restart.backoff.factor, a.restart.backoff.jitter), (3.0, 1.0));
    assert_eq!((a.health_interval, &a.capabilities[..]), (Some(5 * MS), &["all".to_owned()][..]));
    assert_eq!((b.health_interval, b.restart.max_restarts), (None, None), "null undoes a default");
    assert_eq!(b.restart.backoff.factor, Backoff::default().factor);
    assert_eq!((config.state.enabled, config.state.path), (false, Some("/home/ada/state.json".into())));
}

#[test]
fn variables_are_replaced_everywhere_but_in_keys() {
    let stdio = server(
        r#""command": "${HOME}/bin/x", "args": ["--token=${TOKEN}", "${NONE:-none}", "$$HOME"],
           "env": {"${HOME}": "${TOKEN}"}, "cwd": "${HOME}""#,
    );
    let Transport::Stdio { command, args, env, cwd } = stdio.transport else { panic!() };
    assert_eq!((command.as_str(), cwd), ("/home/ada/bin/x", Some("/home/ada".into())));
    assert_eq!(args, ["--token=s3cret", "none", "$HOME"]);
    assert_eq!(env, [pair("${HOME}", "s3cret")]);
    let http =
        server(r#""url": "https://${HOST:-h}/${TOKEN}", "headers": {"A": "Bearer ${TOKEN}"}"#).transport;
    let headers = vec![pair("A", "Bearer s3cret")];
    assert!(
        matches!(http, Transport::Http { url, headers: found } if url == "https://h/s3cret" && found == headers)
    );
}

#[test]
fn an_unknown_variable_names_itself_and_its_place() {
    let unset = "the variable NOPE is not set; ${NOPE:-...} would give it a default";
    let at = |place: &str| format!("{place}: {unset}");
    for (members, place) in [
        (r#""command": "${NOPE}""#, ".command"),
        (r#""command": "x", "args": ["", "${NOPE}"]"#, ".args[1]"),
        (r#""command": "x", "env": {"K": "${NOPE}"}"#, ".env.K"),
        (r#""command": "x", "cwd": "${NOPE}""#, ".cwd"),
        (r#""url": "http://${NOPE}""#, ".url"),
        (r#""url": "http://x", "headers": {"X-Y": "${NOPE}"}"#, r#".headers["X-Y"]"#),
    ] {
        assert_server_faults(&[(members, FaultKind::UnknownVariable, &at(place))]);
    }
}

#[test]
fn duplicate_servers_are_all_named() {
    assert_faults(&[(
        r#"{"mcpServers": {"a": {"command": "x"}, "b": {"command": "x"}, "a": {"command": "y"}, "b": {}}}"#,
        FaultKind::Duplicate,
        "$.mcpServers.a: this key stands here more than once; so does $.mcpServers.b",
    )]);
    assert_server_faults(&[(
        r#""command": "x", "env": {"K": "1", "K": "2"}"#,
        FaultKind::Duplicate,
        ".env.K: this key stands here more than once",
    )]);
}

#[test]
fn syntax_errors_have_line_and_column() {
    assert_faults(&[
        (
            "{\"mcpServers\": {\n  oops}}",
            FaultKind::Syntax { line: 2, column: 3 },
            "line 2, column 3: key must be a string",
        ),
        (
            "{\"mcpServers\": {",
            FaultKind::Syntax { line: 1, column: 16 },
            "line 1, column 16: EOF while parsing an object",
        ),
    ]);
}

#[test]
fn unknown_keys_are_warnings_with_the_key_that_was_meant() {
    let config = config(
        r#"{"mcpServers": {"a": {"command": "x", "Args": [], "alwaysAllow": [], "restart": {"polcy": "never"}}},
            "defaults": {"health_interval_ms": 5}, "state": {"file": "x"}, "inputs": []}"#,
    );
    let warnings: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            r#"$.defaults.health_interval_ms: unknown key, ignored; did you mean "healthIntervalMs"?"#,
            "$.state.file: unknown key, ignored",
            r#"$.mcpServers.a.restart.polcy: unknown key, ignored; did you mean "policy"?"#,
            r#"$.mcpServers.a.Args: unknown key, ignored; did you mean "args"?"#,
            "$.mcpServers.a.alwaysAllow: unknown key, ignored",
            "$.inputs: unknown key, ignored",
        ]
    );
}

#[test]
fn a_document_of_another_shape_is_refused() {
    use FaultKind::{Missing, WrongType};
    assert_faults(&[
        ("[]", WrongType, "$: expected an object, found an array"),
        ("{}", Missing, "$: \"mcpServers\" is missing"),
        (r#"{"mcpservers": {}}"#, Missing, "$: \"mcpServers\" is missing; is \"mcpservers\" meant to be it?"),
        (r#"{"mcpServers": []}"#, WrongType, "$.mcpServers: expected an object, found an array"),
        (r#"{"mcpServers": {"a": "x"}}"#, WrongType, "$.mcpServers.a: expected an object, found a string"),
        (r#"{"mcpServers": {}, "state": true}"#, WrongType, "$.state: expected an object, found a boolean"),
        (r#"{"mcpServers": {}, "defaults": null}"#, WrongType, "$.defaults: expected an object, found null"),
    ]);
    assert_eq!(config(r#"{"mcpServers": {}}"#).servers, [], "no server at all is allowed");
}

#[test]
fn names_of_servers_are_checked() {
    use FaultKind::BadValue;
    assert_faults(&[
        (
            r#"{"mcpServers": {"": {"command": "x"}}}"#,
            BadValue,
            r#"$.mcpServers[""]: the name of a server must not be empty"#,
        ),
        (
            r#"{"mcpServers": {"a\nb": {"command": "x"}}}"#,
            BadValue,
            r#"$.mcpServers["a\nb"]: the name of a server has no control characters"#,
        ),
    ]);
}

#[test]
fn a_transport_is_one_of_two() {
    use FaultKind::{BadValue, Missing};
    assert_server_faults(&[
        ("", Missing, ": needs a \"command\" or a \"url\""),
        (r#""command": "x", "url": "http://x""#, BadValue, ": has both \"command\" and \"url\"; choose one"),
        (
            r#""command": "x", "type": "http""#,
            BadValue,
            ".type: a server with a \"command\" is of type \"stdio\"",
        ),
        (
            r#""url": "http://x", "type": "stdio""#,
            BadValue,
            ".type: a server with a \"url\" is of type \"http\"",
        ),
        (
            r#""url": "http://x", "type": "sse""#,
            BadValue,
            ".type: expected \"stdio\" or \"http\" or \"streamable-http\"",
        ),
    ]);
}

#[test]
fn strings_that_no_program_can_be_given_are_refused() {
    use FaultKind::{BadValue, WrongType};
    let nul = "a NUL character cannot be passed to a program";
    let malformed = "\"${\" begins no variable ${NAME} or ${NAME:-default}; write \"$${\" for \"${\"";
    assert_server_faults(&[
        (r#""command": """#, BadValue, ".command: must not be empty"),
        (r#""command": "${EMPTY}""#, BadValue, ".command: must not be empty"),
        (r#""command": "a\u0000b""#, BadValue, &format!(".command: {nul}")),
        (r#""command": 5"#, WrongType, ".command: expected a string, found a number"),
        (r#""command": "x", "args": "y""#, WrongType, ".args: expected an array, found a string"),
        (r#""command": "x", "args": ["", "", 3]"#, WrongType, ".args[2]: expected a string, found a number"),
        (r#""command": "x", "args": ["${NUL}"]"#, BadValue, &format!(".args[0]: {nul}")),
        (r#""command": "x", "args": ["${input:t}"]"#, BadValue, &format!(".args[0]: {malformed}")),
        (r#""command": "x", "cwd": """#, BadValue, ".cwd: must not be empty"),
        (r#""command": "x", "cwd": "\u0000""#, BadValue, &format!(".cwd: {nul}")),
        (r#""command": "x", "env": ["A=1"]"#, WrongType, ".env: expected an object, found an array"),
        (r#""command": "x", "env": {"A": 1}"#, WrongType, ".env.A: expected a string, found a number"),
        (r#""command": "x", "env": {"A": "\u0000"}"#, BadValue, &format!(".env.A: {nul}")),
        (
            r#""command": "x", "env": {"": "1"}"#,
            BadValue,
            r#".env[""]: the name of a variable must not be empty"#,
        ),
        (
            r#""command": "x", "env": {"A=B": "1"}"#,
            BadValue,
            r#".env["A=B"]: the name of a variable has no "=" and no NUL"#,
        ),
        (
            r#""command": "x", "env": {"A\u0000": "1"}"#,
            BadValue,
            r#".env["A\u0000"]: the name of a variable has no "=" and no NUL"#,
        ),
    ]);
}

#[test]
fn urls_and_headers_that_no_request_can_have_are_refused() {
    use FaultKind::BadValue;
    let scheme = ".url: expected a URL that begins with http:// or https:// and a host";
    for url in
        ["ftp://x", "x", "file:///etc", "http://", "http:///path", "https://?", "http://me@", "http://:80"]
    {
        assert_server_faults(&[(&format!(r#""url": "{url}""#), BadValue, scheme)]);
    }
    assert_server_faults(&[
        (r#""url": """#, BadValue, ".url: must not be empty"),
        (r#""url": "http://a b""#, BadValue, ".url: a URL has no spaces or control characters"),
        (
            r#""url": "http://x", "headers": {"A B": "1"}"#,
            BadValue,
            r#".headers["A B"]: this is no name of an HTTP header"#,
        ),
        (
            r#""url": "http://x", "headers": {"A": "1\r\nB: 2"}"#,
            BadValue,
            ".headers.A: the value of an HTTP header has no control characters",
        ),
    ]);
    server(r#""url": "HTTPS://me:pass@[::1]:8443?x#y", "headers": {"X_1": ""}"#);
}

#[test]
fn numbers_out_of_their_range_are_refused() {
    let cases = [
        ("healthIntervalMs", "0", "a whole number from 1 to 604800000"),
        ("healthTimeoutMs", "-1", "a whole number from 1 to 604800000"),
        ("startTimeoutMs", "1.5", "a whole number from 1 to 604800000"),
        ("requestTimeoutMs", "604800001", "a whole number from 1 to 604800000"),
        ("stopTimeoutMs", "18446744073709551615", "a whole number from 1 to 604800000"),
        ("healthFailureThreshold", "0", "a whole number from 1 to 1000000"),
        ("maxMessageBytes", "1023", "a whole number from 1024 to 1073741824"),
        ("workingSetLimitBytes", "512", "a whole number from 1048576 to 1125899906842624"),
    ];
    for (key, value, expected) in cases {
        let members = format!(r#""command": "x", "{key}": {value}"#);
        let message = format!(".{key}: expected {expected}, found {value}");
        assert_server_faults(&[(&members, FaultKind::BadValue, &message)]);
        let members = format!(r#""command": "x", "{key}": "1000""#);
        let message = format!(".{key}: expected {expected}, found a string");
        assert_server_faults(&[(&members, FaultKind::WrongType, &message)]);
    }
}

#[test]
fn restart_settings_out_of_their_range_are_refused() {
    use FaultKind::{BadValue, WrongType};
    let restart = |members: &str| format!(r#""command": "x", "restart": {members}"#);
    for (members, kind, message) in [
        (r#""never""#, WrongType, ": expected an object, found a string"),
        (r#"{"policy": "sometimes"}"#, BadValue, r#".policy: expected "always" or "on-failure" or "never""#),
        (
            r#"{"maxRestarts": 0}"#,
            BadValue,
            ".maxRestarts: expected a whole number from 1 to 1000000, found 0",
        ),
        (r#"{"windowMs": 0}"#, BadValue, ".windowMs: expected a whole number from 1 to 604800000, found 0"),
        (
            r#"{"windowMs": null}"#,
            WrongType,
            ".windowMs: expected a whole number from 1 to 604800000, found null",
        ),
        (
            r#"{"backoff": {"factor": 0.5}}"#,
            BadValue,
            ".backoff.factor: expected a number from 1 to 100, found 0.5",
        ),
        (
            r#"{"backoff": {"jitter": -0.5}}"#,
            BadValue,
            ".backoff.jitter: expected a number from 0 to 1, found -0.5",
        ),
        (
            r#"{"backoff": {"initialMs": 30001}}"#,
            BadValue,
            r#".backoff: "initialMs" (30001) is more than "maxMs" (30000)"#,
        ),
    ] {
        assert_server_faults(&[(&restart(members), kind, &format!(".restart{message}"))]);
    }
}

#[test]
fn labels_are_not_empty() {
    use FaultKind::BadValue;
    assert_server_faults(&[
        (r#""command": "x", "category": """#, BadValue, ".category: must not be empty"),
        (r#""command": "x", "capabilities": ["a", ""]"#, BadValue, ".capabilities[1]: must not be empty"),
    ]);
}

#[test]
fn secrets_appear_in_no_debug_output() {
    let config = config(
        r#"{"mcpServers": {"a": {"command": "x", "env": {"KEY": "${TOKEN}"}},
                           "b": {"url": "https://u:${TOKEN}@h:1/${TOKEN}", "headers": {"X-Key": "${TOKEN}"}}}}"#,
    );
    let text = format!("{config:?}");
    assert!(!text.contains("s3cret"), "{text}");
    assert!(text.contains("KEY") && text.contains("X-Key") && text.contains("https://h:1/..."), "{text}");
}

#[test]
fn a_file_is_named_in_its_errors() {
    let directory = env::temp_dir().join(format!("mcp-event-config-{}", process::id()));
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join("servers.json");
    let missing = Config::from_file(&file).unwrap_err();
    assert!(matches!(&missing, ConfigError::Unreadable { file: named, .. } if *named == file), "{missing:?}");
    assert!(missing.to_string().starts_with(&format!("reading {}: ", file.display())), "{missing}");
    fs::write(&file, b"{\"mcpServers\": \"\xff\"}").unwrap();
    let invalid = Config::from_file(&file).unwrap_err();
    assert_eq!(invalid.to_string(), format!("{}: invalid UTF-8 at byte 16", file.display()));
    fs::write(&file, r#"{"mcpServers": {"a": {"command": "${PATH}"}}}"#).unwrap();
    let config = Config::from_file(&file).unwrap();
    let path = env::var("PATH").unwrap();
    assert!(matches!(&config.servers[0].transport, Transport::Stdio { command, .. } if *command == path));
    fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_difference_says_what_must_be_restarted() {
    let old = config(
        r#"{"mcpServers": {"same": {"command": "x"}, "gone": {"command": "x"}, "moved": {"command": "x"},
            "env": {"command": "x", "env": {"A": "1"}}, "label": {"command": "x"}, "off": {"command": "x"},
            "slow": {"command": "x"}, "policy": {"command": "x"}}}"#,
    );
    let new = config(
        r#"{"mcpServers": {"new": {"command": "x"}, "policy": {"command": "x", "restart": {"policy": "never"}},
            "slow": {"command": "x", "requestTimeoutMs": 5}, "moved": {"url": "http://x"},
            "env": {"command": "x", "env": {"A": "2"}}, "label": {"command": "x", "category": "c"},
            "off": {"command": "x", "disabled": true}, "same": {"args": [], "command": "x"}}}"#,
    );
    let Change { added, removed, changed, relabelled, unchanged, .. } = old.difference(&new);
    assert_eq!(added, ["new"]);
    assert_eq!(removed, ["gone"]);
    assert_eq!(changed, ["moved", "env", "off"]);
    assert_eq!(relabelled, ["policy", "slow", "label"]);
    assert_eq!(unchanged, ["same"]);
}

#[test]
fn a_default_changes_the_servers_that_it_reaches() {
    let servers = r#""mcpServers": {"a": {"command": "x"}, "b": {"command": "x", "stopTimeoutMs": 3}}"#;
    let old = config(&format!("{{{servers}}}"));
    let change = old.difference(&config(&format!(r#"{{{servers}, "defaults": {{"stopTimeoutMs": 9}}}}"#)));
    assert_eq!((change.relabelled, change.unchanged), (vec!["a".to_owned()], vec!["b".to_owned()]));
    assert_eq!(old.difference(&old).unchanged, ["a", "b"]);
}
