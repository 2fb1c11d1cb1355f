//! Who is started again, when, and how often.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use mcp_event::actor::{ActorState, Backoff, Restart, SpawnError, Strategy, Supervision, Supervisor, Why};

use crate::stage::{Act, SECOND, Stage, clumsy, part, team};

#[test]
fn each_strategy_restarts_whom_it_says_in_order() {
    for (strategy, expected) in [
        (Strategy::OneForOne, vec!["b restarts: it failed: oh", "+b"]),
        (Strategy::OneForAll, vec!["b restarts: it failed: oh", "-c", "-a", "+a", "+b", "+c"]),
        (Strategy::RestForOne, vec!["b restarts: it failed: oh", "-c", "+b", "+c"]),
    ] {
        let stage = Stage::new();
        stage.system.start(team(&stage, Supervision::new(strategy))).unwrap();
        assert_eq!(stage.run(), ["+a", "+b", "+c"], "{strategy:?}");
        stage.tell("b", Act::Fail);
        assert_eq!(stage.run(), expected, "{strategy:?}");
        stage.system.begin_stop();
        assert_eq!(stage.run(), ["-c", "-b", "-a"], "{strategy:?}");
    }
}

#[test]
fn siblings_that_are_restarted_keep_their_mail() {
    let stage = Stage::new();
    stage.system.start(team(&stage, Supervision::new(Strategy::OneForAll))).unwrap();
    stage.run();
    stage.tell("a", Act::Panic);
    stage.tell("a", Act::Note("survives"));
    stage.tell("c", Act::Note("first"));
    let told = stage.run();
    assert_eq!(told[0], "a restarts: it panicked: oh");
    assert!(told.contains(&"a: survives".into()) && told.contains(&"c: first".into()), "{told:?}");
    assert_eq!(stage.find("c").queue_depth(), 0);
}

#[test]
fn how_it_ended_decides_whether_it_is_restarted() {
    let stage = Stage::new();
    for (name, restart) in
        [("forever", Restart::Permanent), ("mostly", Restart::Transient), ("once", Restart::Temporary)]
    {
        stage.system.start(stage.part(name).restart(restart)).unwrap();
    }
    stage.run();
    for name in ["forever", "mostly", "once"] {
        stage.tell(name, Act::Stop);
    }
    assert_eq!(
        stage.run(),
        ["-forever", "forever restarts: it stopped itself", "-mostly", "-once", "+forever"]
    );
    stage.find("forever").stop();
    assert_eq!(stage.run(), ["-forever"]);
    assert!(stage.system.tree().actors.is_empty());
}

#[test]
fn too_many_failures_escalate_from_parent_to_parent() {
    let stage = Stage::new();
    let log = stage.log.clone();
    let inner = move || {
        let log = log.clone();
        let supervision = Supervision::default().intensity(1, SECOND);
        Supervisor::new().child(move || part(&log, "leaf")).spec(supervision).name("inner")
    };
    let supervision = Supervision::default().intensity(1, SECOND);
    stage.system.start(Supervisor::new().child(inner).spec(supervision).name("outer")).unwrap();
    assert_eq!(stage.run(), ["+leaf"]);
    let mut told = Vec::new();
    for _ in 0..4 {
        stage.tell("leaf", Act::Fail);
        told.extend(stage.run());
    }
    let once = "its children failed too often, the last so: it failed: oh";
    let twice = format!("its children failed too often, the last so: {once}");
    assert_eq!(
        told,
        [
            "leaf restarts: it failed: oh".to_string(),
            "+leaf".into(),
            "leaf ends: it failed: oh".into(),
            format!("inner restarts: {once}"),
            "+leaf".into(),
            "leaf restarts: it failed: oh".into(),
            "+leaf".into(),
            "leaf ends: it failed: oh".into(),
            format!("inner ends: {once}"),
            format!("outer restarts: {twice}"),
            "+leaf".into(),
        ]
    );
    assert_eq!(stage.restarts("outer"), 1);
}

#[test]
fn who_has_no_parent_is_given_up_by_itself() {
    let stage = Stage::with(Supervision::default().intensity(1, SECOND));
    stage.system.start(stage.part("bad")).unwrap();
    stage.system.start(stage.part("good")).unwrap();
    let bad = stage.find("bad");
    stage.run();
    bad.tell(Act::Fail).unwrap();
    assert_eq!(stage.run(), ["bad restarts: it failed: oh", "+bad"]);
    bad.tell(Act::Fail).unwrap();
    assert_eq!(stage.run(), ["bad ends: it failed: oh", "bad is given up"]);
    assert_eq!(bad.tell(Act::Fail).unwrap_err().why, Why::Stopped);
    stage.tell("good", Act::Fail);
    assert_eq!(stage.run(), ["good restarts: it failed: oh", "+good"]);
}

#[test]
fn a_backoff_grows_while_it_fails_and_begins_anew_after_a_long_life() {
    let backoff = Backoff { jitter: 0.0, ..Backoff::exponential(SECOND, SECOND * 4) };
    let stage = Stage::with(Supervision::default().unlimited());
    stage.system.start(clumsy(&stage.log, "clumsy", &Arc::new(4.into())).backoff(backoff)).unwrap();
    let failed = "clumsy restarts: it failed: cannot start";
    assert_eq!(stage.run(), [failed]);
    assert_eq!(stage.find("clumsy").state(), ActorState::Restarting);
    for wait in [1, 2, 4] {
        assert!(stage.advance(SECOND * wait - Duration::from_nanos(1)).is_empty());
        assert_eq!(stage.advance(Duration::from_nanos(1)), [failed]);
    }
    assert_eq!(stage.advance(SECOND * 4), ["+clumsy"]);
    stage.advance(SECOND * 4);
    stage.tell("clumsy", Act::Fail);
    stage.run();
    assert_eq!(stage.advance(SECOND), ["+clumsy"]);
}

#[test]
fn jitter_keeps_within_its_share() {
    let stage = Stage::with(Supervision::default().backoff(Backoff::exponential(SECOND * 4, SECOND * 100)));
    for i in 0..50 {
        stage.system.start(clumsy(&stage.log, &format!("{i}"), &Arc::new(1.into()))).unwrap();
    }
    stage.run();
    assert!(stage.advance(SECOND * 3 - Duration::from_nanos(1)).is_empty());
    let early = stage.advance(SECOND).len();
    assert!(early > 0 && early < 50, "{early} of 50 came back early");
    assert_eq!(stage.advance(SECOND).len(), 50 - early);
}

#[test]
fn the_rest_of_a_team_waits_for_one_that_fails_to_start() {
    let stage = Stage::new();
    let (first, second) = (stage.log.clone(), stage.log.clone());
    let backoff = Backoff { jitter: 0.0, ..Backoff::exponential(SECOND, SECOND) };
    let bad_starts = Arc::new(AtomicUsize::new(2));
    let base = move || clumsy(&first, "base", &bad_starts).backoff(backoff);
    let team = Supervisor::new().child(base).child(move || part(&second, "top"));
    stage.system.start(team.spec(Supervision::default())).unwrap();
    let failed = "base restarts: it failed: cannot start";
    assert_eq!(stage.run(), [failed]);
    assert_eq!(stage.advance(SECOND), [failed]);
    assert_eq!(stage.advance(SECOND), ["+base", "+top"]);
}

#[test]
fn names_outlive_restarts_and_are_free_after_the_end() {
    let stage = Stage::new();
    let supervision = Supervision::default().intensity(0, SECOND);
    stage.system.start(team(&stage, supervision)).unwrap();
    stage.run();
    // The team fails, and its next life spawns children of the same names, while some are down and wait.
    stage.tell("b", Act::Fail);
    let told = stage.run();
    assert_eq!(told.last().unwrap(), "+c", "{told:?}");
    let taken = stage.system.start(stage.part("a"));
    assert_eq!(taken.unwrap_err(), SpawnError::NameTaken("a".into()));
}

#[test]
fn a_team_that_fails_while_members_are_down_has_their_names_back() {
    let stage = Stage::new();
    let supervision =
        Supervision::default().intensity(1, SECOND * 100).backoff(Backoff::exponential(SECOND, SECOND));
    stage.system.start(team(&stage, supervision)).unwrap();
    stage.run();
    stage.tell("a", Act::Fail);
    stage.run();
    stage.tell("b", Act::Fail);
    let told = stage.run();
    assert_eq!(told[told.len() - 3..], ["+a", "+b", "+c"], "{told:?}");
}

#[test]
fn a_bounded_mailbox_is_empty_again_after_all_that_may_happen() {
    let stage = Stage::with(Supervision::default().unlimited());
    for (name, discards) in [("keeps", false), ("discards", true)] {
        let spec = stage.part(name).mailbox(3);
        let spec = if discards { spec.discard_mail_on_failure() } else { spec };
        stage.system.start(spec).unwrap();
        stage.run();
        let part = stage.find(name);
        for _ in 0..5 {
            part.tell(Act::Note("1")).unwrap();
            part.tell(Act::Fail).unwrap();
            part.tell(Act::Note("2")).unwrap();
            assert_eq!(part.tell(Act::Fail).unwrap_err().why, Why::Full);
            stage.run();
            assert_eq!(part.queue_depth(), 0, "{name}");
        }
    }
}
