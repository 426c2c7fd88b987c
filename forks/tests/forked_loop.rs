//! P22: a loop that is forked is the parent's alone.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

use std::process::Command;

#[test]
fn p22_a_child_may_not_turn_its_parent_s_loop_and_takes_none_of_its_files_along() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_forked_loop");
    let output = Command::new(program).arg(folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let [child, parent] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    // To look costs a system call a turn, so release builds do not.
    if cfg!(debug_assertions) {
        assert!(child.starts_with("child: this loop was made before a fork"), "{child}");
    }
    // The end of the child removed no file and took no event that is the parent's.
    assert_eq!(parent, "parent: 1 callbacks");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "the parent removed them");
}
