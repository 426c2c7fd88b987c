//! Which versions of the peers' crates this program was built from, read from its `Cargo.lock`.

use crate::request::Peer;

const LOCK: &str = include_str!("../Cargo.lock");

/// One line: the versions of a peer's crates, or of all peers'.
pub(crate) fn line(peer: Option<Peer>) -> String {
    let peers = peer.map_or_else(|| Peer::ALL.to_vec(), |peer| vec![peer]);
    let mut names: Vec<&str> = Vec::new();
    for name in peers.into_iter().flat_map(crates) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let versions: Vec<String> =
        names.iter().map(|name| format!("{name} {}", version(name))).collect();
    versions.join(", ")
}

/// The crates that make a peer's server what it is.
fn crates(peer: Peer) -> &'static [&'static str] {
    match peer {
        Peer::Tokio => &["tokio"],
        Peer::Hyper | Peer::HyperPipelineFlush => &["hyper", "tokio"],
        Peer::ActixWeb => &["actix-web", "actix-files", "tokio"],
        Peer::MayMinihttp => &["may_minihttp", "may"],
        Peer::Monoio => &["monoio", "monoio-compat", "hyper"],
        Peer::NetIo => &["net-io"],
    }
}

fn version(name: &str) -> &'static str {
    let heading = format!("name = \"{name}\"\nversion = \"");
    let after = LOCK.split_once(&heading).map(|(_, after)| after);
    after.and_then(|text| text.split('"').next()).unwrap_or("of unknown version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_of_every_peer_has_its_version_in_the_lock_file() {
        let all = line(None);
        assert!(!all.contains("unknown"), "{all}");
        for name in ["tokio", "hyper", "actix-web", "may_minihttp", "monoio", "net-io"] {
            assert!(all.contains(&format!("{name} ")), "{all}");
        }
    }

    #[test]
    fn what_several_peers_are_made_of_is_named_once() {
        assert_eq!(line(None).matches("tokio ").count(), 1);
    }
}
