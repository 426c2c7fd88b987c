//! The fuzzer of `line`: `fuzz/run.sh 60 line`. Given files, it runs them and says nothing if all
//! is well.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchboard_fuzz::line::run(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    switchboard_fuzz::run_files(switchboard_fuzz::line::run)
}
