//! What the engine asks of its streams is watched and booked.
//!
//! It must ask nothing of a closed stream, write nothing after our FIN, and neither read nor
//! write what no edge has announced. What each stream carried is held against what its protocol
//! is told, in `recorder.rs`.

use std::io::{self, ErrorKind};

use super::faults::Fault;
use super::link::Fin;
use super::trace::Who;
use super::world::{Source, World};
use crate::net::Read;

impl World {
    pub(super) fn watch_write(&mut self, link: usize, side: usize) {
        let (end, flow) = (&self.links[link].ends[side], &self.links[link].flows[side]);
        if end.is_closed || end.is_connecting {
            self.ledger.find(|| format!("link {link} is written to while it is not open"));
        } else if flow.fin != Fin::Open {
            self.ledger.find(|| format!("link {link} is written to after our FIN"));
        } else if !end.may_write {
            self.ledger.find(|| {
                format!("link {link} is written to although no edge came after would-block")
            });
        }
    }

    /// A write met would-block: there will be an edge when there is room, which there may be now.
    pub(super) fn block_writing(&mut self, link: usize, side: usize) {
        self.links[link].ends[side].may_write = false;
        self.links[link].flows[side].wants_room = true;
        if self.links[link].flows[side].is_roomy() {
            self.announce_late(Source::End(link, side));
        }
    }

    pub(super) fn watch_read(&mut self, link: usize, side: usize) {
        let end = &self.links[link].ends[side];
        if end.is_closed || end.is_connecting {
            self.ledger.find(|| format!("link {link} is read from while it is not open"));
        } else if !end.may_read {
            self.ledger
                .find(|| format!("link {link} is read from although no edge has announced it"));
        }
    }

    pub(super) fn read_nothing(&mut self, link: usize, side: usize) -> Read {
        self.links[link].ends[side].may_read = false;
        let who = Who::Link(link, side);
        if self.links[link].flows[1 - side].is_at_end() {
            self.note(who, "read the end", None);
            return Read::End;
        }
        match self.trouble(link, side) {
            Some(Some(kind)) => {
                self.note(who, "read fails", None);
                Read::Failed(kind)
            }
            Some(None) => Read::End,
            None => {
                self.note(who, "read blocks", None);
                Read::Blocked
            }
        }
    }

    /// Whether an end has failed; and with what, where nobody was told before.
    pub(super) fn trouble(&mut self, link: usize, side: usize) -> Option<Option<ErrorKind>> {
        let end = &mut self.links[link].ends[side];
        end.is_broken.then(|| end.trouble.take())
    }

    pub(super) fn book_write(&mut self, link: usize, side: usize, count: usize) {
        if let Some(token) = self.links[link].ends[side].token {
            self.ledger.lock().carried.entry(token).or_default().out += count as u64;
        }
    }

    pub(super) fn book_read(&mut self, link: usize, side: usize, bytes: &[u8]) {
        if let Some(token) = self.links[link].ends[side].token {
            let mut ledger = self.ledger.lock();
            let carried = ledger.carried.entry(token).or_default();
            carried.read += bytes.len() as u64;
            carried.read_digest.add(bytes);
        }
    }

    pub(super) fn is_out_of_descriptors(&mut self, fault: Fault, who: Who) -> Option<io::Error> {
        let is_out = self.strikes(fault, who) || self.open >= self.faults.descriptors;
        is_out.then(|| io::Error::other("no descriptors, in this simulation"))
    }
}
