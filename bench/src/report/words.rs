//! What a report says in words, the same wherever it is shown.

use super::judge::{Doubts, LEAST_LOAD_IDLE, LEAST_SERVER_BUSY, NOISY};
use super::model::{Family, Report, ServerInfo};
use super::pair::NEAR;
use super::units::{bytes, count, percent};

/// What the table of all scenarios shows.
pub(super) const SUMMARY: &str = "CPU time of the server for each unit, as a ratio to the \
    limit's (the limit itself, and where it has no part, as a time). A figure with ~ is noisy, \
    one with ? is not ranked, an empty cell is a server that does not speak what the scenario \
    needs.";

/// What the limit is.
pub(super) const LIMIT: &str = "The limit is bench/limit.c, a bare edge-triggered epoll loop in \
    C: nothing but the system calls that the work needs, and the least work between them.";

/// Where and when a comparison ran, as names and values.
pub(super) fn circumstances(report: &Report) -> Vec<(&'static str, String)> {
    let machine = &report.machine;
    let cores = count(machine.cores.into());
    let mut all = vec![
        ("processor", format!("{}, {cores} usable", machine.cpu)),
        ("memory", bytes(machine.memory_bytes as f64)),
        ("system", format!("{}, kernel {}", machine.system, machine.kernel)),
        ("compiler", machine.rustc.clone()),
        ("commit", machine.commit.clone()),
        ("command", without_folders(&report.command)),
        ("began", report.began.clone()),
        ("took", format!("{} s", count(report.took_seconds as f64))),
    ];
    if report.interrupted {
        all.push(("ended early", "only the scenarios that were finished are here".to_owned()));
    }
    all
}

/// How far the rankings can be relied on.
pub(super) fn reliability(doubts: Doubts) -> String {
    let Doubts { places: (places, doubtful_places), pairs: (pairs, doubtful_pairs) } = doubts;
    format!(
        "A figure is noisy (~) when its rounds spread by more than {} of their median, the lowest \
         and the highest quarter left out. One server is ahead of another when it cost less in \
         every round, and by at least {} in the median of the rounds; otherwise they tie (=): \
         this run does not tell them apart. Their order is doubtful when what the one cost over \
         what the other did is noisy, and would say another if its middle half were twice as wide: \
         {doubtful_pairs} of {pairs} pairs are, and with them {doubtful_places} of {places} \
         places (~ behind the place). A server that used less than {} of its core while the load \
         was idle for less than {} is not ranked, nor is one that such a server seems to be \
         ahead of. Figures are medians over the rounds; in parentheses is the range of all rounds.",
        percent(NOISY),
        percent(NEAR),
        percent(LEAST_SERVER_BUSY),
        percent(LEAST_LOAD_IDLE)
    )
}

/// The servers as the header and rows of a table.
pub(super) fn servers(servers: &[ServerInfo]) -> (Vec<String>, Vec<Vec<String>>) {
    let header = ["server", "whose", "version", "command", "remarks"].map(str::to_owned).to_vec();
    let row = |server: &ServerInfo| {
        let whose = match server.family {
            Family::Ours => "Switchboard",
            Family::Limit => "the limit",
            Family::Peer => "peer",
        };
        let absent = server.absent.as_ref().map(|why| format!("absent: {why}"));
        let skips = server.skips.as_ref().map(|what| format!("leaves out: {what}"));
        let remarks: Vec<_> = absent.into_iter().chain(skips).collect();
        vec![
            server.name.clone(),
            whose.to_owned(),
            server.version.clone(),
            without_folders(&server.how),
            remarks.join("; "),
        ]
    };
    (header, servers.iter().map(row).collect())
}

/// A text without the folders of this one machine.
pub(super) fn without_folders(text: &str) -> String {
    text.split_whitespace().map(without_folder).collect::<Vec<_>>().join(" ")
}

/// A path, alone, quoted or behind the name of an option, as its last part.
fn without_folder(word: &str) -> String {
    let is_path = |&at: &usize| matches!(word[..at].chars().next_back(), None | Some('=' | '`'));
    match (word.find('/').filter(is_path), word.rfind('/')) {
        (Some(begin), Some(end)) => format!("{}{}", &word[..begin], &word[end + 1..]),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_without_the_folders_of_one_machine() {
        let command = "python3 /home/me/bench/echo.py echo 127.0.0.1:0";
        assert_eq!(without_folders(command), "python3 echo.py echo 127.0.0.1:0");
        let others = ["cc -O2 bench/limit.c", "listening on http://127.0.0.1:80/"];
        assert_eq!(others.map(without_folders), others);
        let quoted = "server `/home/me/target/peers net-io`: ended; --folder=/tmp/bench-7";
        let expected = "server `peers net-io`: ended; --folder=bench-7";
        assert_eq!(without_folders(quoted), expected);
    }
}
