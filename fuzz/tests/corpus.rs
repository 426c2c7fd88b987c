//! Every target on its corpus, without a fuzzer.

use std::fs;
use std::path::{Path, PathBuf};

use switchboard_fuzz::TARGETS;

/// The files that a target's fuzzer kept.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.sort();
    files
}

#[test]
fn every_target_keeps_its_promises_on_its_corpus() {
    for (name, run) in TARGETS {
        let files = corpus(name);
        assert!(files.len() >= 10, "{name} has a corpus");
        for file in files {
            // A failure is a panic of its own; this says on which file it happened.
            println!("{name}: {}", file.display());
            run(&fs::read(&file).unwrap());
        }
    }
}

#[test]
fn every_target_takes_a_file_that_was_cut_short() {
    for (name, run) in TARGETS {
        for file in corpus(name) {
            let bytes = fs::read(&file).unwrap();
            println!("{name}: half of {}", file.display());
            run(&bytes[..bytes.len() / 2]);
        }
        run(&[]);
    }
}

#[test]
fn the_corpora_are_small() {
    let size = |path: &PathBuf| fs::metadata(path).unwrap().len();
    let files = TARGETS.iter().flat_map(|(name, _)| corpus(name));
    let bytes: u64 = files.map(|file| size(&file)).sum();
    assert!(bytes < 1 << 20, "{bytes} bytes of corpora");
}
