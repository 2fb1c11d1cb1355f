//! What an earlier life of the program left.

use mcp_event::server::{Launcher, Leftover, LocalLauncher, ProcessId, ProcessIdentity};

use crate::manager::*;
use crate::server::*;

#[test]
fn what_an_earlier_life_left_is_ended() {
    if is_manager() {
        manage_a_family(NEVER, String::new);
    }
    let mut manager = Manager::start("leftover::what_an_earlier_life_left_is_ended");
    let (identity, members) = (manager.identity(), manager.members());
    manager.kill();
    // Its guardian gives it an hour.
    members.assert_alive();
    let leftover = LocalLauncher::new().end_leftover(&identity);
    assert!(matches!(leftover, Leftover::Ended), "{leftover:?}");
    members.assert_gone();
    assert_nobody_is_left_of(&identity);
    let leftover = LocalLauncher::new().end_leftover(&identity);
    assert!(matches!(leftover, Leftover::Gone), "{leftover:?}");
}

#[test]
fn what_lost_both_its_manager_and_its_guardian_is_ended() {
    if is_manager() {
        manage_a_family(NEVER, String::new);
    }
    let mut manager = Manager::start("leftover::what_lost_both_its_manager_and_its_guardian_is_ended");
    let (identity, members) = (manager.identity(), manager.members());
    signal(identity.guardian.pid, libc::SIGKILL);
    manager.kill();
    let leftover = LocalLauncher::new().end_leftover(&identity);
    assert!(matches!(leftover, Leftover::Ended), "{leftover:?}");
    members.assert_gone();
    assert_nobody_is_left_of(&identity);
}

/// A bystander has the number of a server of ours, or of a guardian, but was started at another time.
#[test]
fn a_process_that_only_has_the_number_is_not_touched() {
    let mut server = launch(&shell("echo $$; exec sleep 1000", NEVER));
    let real = server.started();
    let bystander = server.members(1);
    let other = |id: ProcessId| ProcessId { start: id.start + 1, ..id };
    let nobody = ProcessId { pid: u32::MAX >> 1, start: 1 };
    let recycled = |server, guardian| ProcessIdentity {
        server,
        guardian,
        launch: "another launch".into(),
        boot: real.boot.clone(),
    };
    for identity in [
        recycled(other(real.server), nobody),
        recycled(nobody, other(real.server)),
        recycled(other(real.server), other(real.guardian)),
    ] {
        let leftover = LocalLauncher::new().end_leftover(&identity);
        assert!(matches!(leftover, Leftover::NotOurs), "{leftover:?}");
        bystander.assert_alive();
    }
    let another_boot = ProcessIdentity { boot: "another boot".into(), ..real.clone() };
    let leftover = LocalLauncher::new().end_leftover(&another_boot);
    assert!(matches!(leftover, Leftover::Gone), "{leftover:?}");
    bystander.assert_alive();
    let nothing = ProcessIdentity { launch: String::new(), ..recycled(nobody, nobody) };
    let leftover = LocalLauncher::new().end_leftover(&nothing);
    assert!(matches!(leftover, Leftover::Gone), "{leftover:?}");
    bystander.assert_alive();
    // The test can tell: with the true one it is ended.
    let leftover = LocalLauncher::new().end_leftover(&real);
    assert!(matches!(leftover, Leftover::Ended), "{leftover:?}");
    bystander.assert_gone();
}
