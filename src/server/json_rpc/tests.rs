//! What is encoded is decoded again; what is no message is told apart.

use super::*;
use serde_json::json;

#[track_caller]
fn decoded(line: &str) -> Incoming {
    Incoming::decode(line.as_bytes()).unwrap_or_else(|malformed| panic!("{malformed}: {line}"))
}

fn defect(line: &str) -> Defect {
    Incoming::decode(line.as_bytes()).unwrap_err().defect
}

fn response(id: Id, outcome: Result<Value, RpcError>) -> Incoming {
    Incoming::Response { id: Some(id), outcome }
}

#[test]
fn messages_are_one_line_each_and_come_back() {
    let id = Id::String("line\n\"quoted\"".into());
    let params = json!({"text": "a\nb\r\u{2028}\u{0}", "deep": [1, null, {"x": -2.5}]});
    let error = RpcError { code: -32602, message: "no\n".into(), data: Some(json!({"at": 1})) };
    let (method, owned) = ("tools/call\n", "tools/call\n".to_owned());
    for (message, expected) in [
        (
            Outgoing::Request { id: &id, method, params: Some(&params) },
            Incoming::Request { id: id.clone(), method: owned.clone(), params: Some(params.clone()) },
        ),
        (
            Outgoing::Notification { method, params: None },
            Incoming::Notification { method: owned.clone(), params: None },
        ),
        (Outgoing::Response { id: &id, outcome: Ok(&params) }, response(id.clone(), Ok(params.clone()))),
        (Outgoing::Response { id: &id, outcome: Err(&error) }, response(id.clone(), Err(error.clone()))),
    ] {
        let line = message.to_line();
        assert_eq!(line.matches(['\n', '\r']).count(), 1, "{line}");
        assert_eq!(decoded(line.strip_suffix('\n').unwrap()), expected);
    }
}

#[test]
fn a_request_is_written_like_this() {
    let message = Outgoing::Request { id: &Id::Number(7), method: "ping", params: None };
    assert_eq!(message.to_line(), "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}\n");
}

#[test]
fn ids_are_strings_and_whole_numbers() {
    for (id, expected) in [
        ("0", Id::Number(0)),
        ("-9223372036854775808", Id::Number(i64::MIN)),
        ("3.0", Id::Number(3)),
        ("\"\"", Id::String(String::new())),
        ("\"3\"", Id::String("3".into())),
    ] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
        assert_eq!(decoded(&line), response(expected, Ok(json!({}))));
    }
    for id in ["1.5", "9223372036854775808", "1e300", "true", "[]", "{}", "null"] {
        assert_eq!(defect(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":1}}"#)), Defect::Id, "{id}");
        assert_eq!(defect(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m"}}"#)), Defect::Id, "{id}");
    }
}

#[test]
fn an_error_may_be_without_an_id_a_result_may_not() {
    let error = RpcError { code: -32700, message: "what?".into(), data: None };
    for id in ["", r#""id":null,"#] {
        let line = format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":-32700,"message":"what?"}}}}"#);
        assert_eq!(decoded(&line), Incoming::Response { id: None, outcome: Err(error.clone()) });
        assert_eq!(defect(&format!(r#"{{"jsonrpc":"2.0",{id}"result":{{}}}}"#)), Defect::Id);
    }
    assert_eq!(defect(r#"{"jsonrpc":"2.0","id":[],"error":{"code":1,"message":""}}"#), Defect::Id);
}

#[test]
fn null_is_a_result_and_no_parameters() {
    assert_eq!(
        decoded(r#"{"jsonrpc":"2.0","id":1,"result":null}"#),
        response(Id::Number(1), Ok(Value::Null))
    );
    let notification = Incoming::Notification { method: "m".into(), params: None };
    assert_eq!(decoded(r#"{"jsonrpc":"2.0","method":"m","params":null}"#), notification);
}

#[test]
fn what_is_no_message_is_told_apart() {
    for (line, expected) in [
        ("3", Defect::NotAnObject),
        ("null", Defect::NotAnObject),
        ("[]", Defect::Batch),
        (r#"[{"jsonrpc":"2.0","method":"m"}]"#, Defect::Batch),
        ("{}", Defect::Version),
        (r#"{"method":"m"}"#, Defect::Version),
        (r#"{"jsonrpc":"1.0","method":"m"}"#, Defect::Version),
        (r#"{"jsonrpc":2.0,"method":"m"}"#, Defect::Version),
        (r#"{"jsonrpc":"2.0"}"#, Defect::Empty),
        (r#"{"jsonrpc":"2.0","id":1}"#, Defect::Empty),
        (r#"{"jsonrpc":"2.0","method":5}"#, Defect::Method),
        (r#"{"jsonrpc":"2.0","method":"m","params":"p"}"#, Defect::Params),
        (r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}}"#, Defect::Ambiguous),
        (r#"{"jsonrpc":"2.0","id":1,"method":"m","result":1}"#, Defect::Ambiguous),
        (r#"{"jsonrpc":"2.0","id":1,"error":"no"}"#, Defect::Error),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}"#, Defect::Error),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#, Defect::Error),
        (r#"{"jsonrpc":"2.0","id":1,"error":null}"#, Defect::Error),
    ] {
        assert_eq!(defect(line), expected, "{line}");
    }
    for line in ["", "ready", "{\"jsonrpc\":\"2.0\"", "{} {}", r#""\ud800""#, &"[".repeat(100_000)] {
        assert!(matches!(defect(line), Defect::NotJson(_)), "{line}");
    }
    let malformed = Incoming::decode(b"{\"a\": \"\xff\"}").unwrap_err();
    assert_eq!(
        (&malformed.defect, malformed.to_string().as_str()),
        (&Defect::NotUtf8(7), "invalid UTF-8 at byte 7")
    );
}

#[test]
fn a_malformed_answer_still_says_what_it_answers() {
    let answers = |line: &str| Incoming::decode(line.as_bytes()).unwrap_err().answers;
    assert_eq!(answers(r#"{"id":4,"result":{}}"#), Some(Id::Number(4)));
    assert_eq!(answers(r#"{"jsonrpc":"2.0","id":"x","result":1,"error":{}}"#), Some(Id::String("x".into())));
    assert_eq!(
        answers(r#"{"jsonrpc":"2.0","id":4,"method":"m","params":1}"#),
        None,
        "the server's own request"
    );
    assert_eq!(answers(r#"{"jsonrpc":"2.0","id":[],"result":1}"#), None);
}

#[test]
fn the_head_of_an_answer_tells_whose_it_is_if_the_id_is_in_it() {
    let answers = |head: &str| answered_by_head(head.as_bytes());
    assert_eq!(answers(r#" {"jsonrpc":"2.0", "id" : 12, "result":{"a":["#), Some(Id::Number(12)));
    assert_eq!(answers(r#"{"id":"x","error":{"#), Some(Id::String("x".into())));
    let unknown = [
        r#"{"jsonrpc":"2.0","id":12"#,
        r#"{"jsonrpc":"2.0","id":12,"method":"ping","params":{"#,
        r#"{"method":"notifications/message","params":{"id":12,"result":""#,
        r#"{"result":{"a":"b"#,
        r#"["#,
        r#"xxxx"#,
        "",
    ];
    for head in unknown {
        assert_eq!(answers(head), None, "{head}");
    }
}
