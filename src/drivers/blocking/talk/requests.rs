//! What a conversation asks of others, where there are no others to be asked.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::Talk;
use crate::sansio::{
    Address, CloseReason, Connection, ConnectionId, Limits, Origin, Protocol, Request, RequestKind,
    Unsupported,
};

impl<S: 'static> Talk<'_, S> {
    /// Carries out what the conversation asked of itself. What it asked of others ends it.
    pub(super) fn carry_out_requests(&mut self) {
        let id = self.connection.id();
        // What is asked for meanwhile comes next time.
        for _ in 0..self.desk.request_count() {
            let Some(request) = self.desk.poll_request() else { return };
            let (desk, state) = (&mut self.desk, &mut *self.state);
            match request {
                Request::Send { to, from, bytes, when_full } if to == id => {
                    self.connection.handle_delivery(desk, state, bytes, when_full, from);
                }
                Request::Close { to, closing } if to == id => {
                    self.connection.handle_close(desk, state, closing);
                }
                Request::Notify { to, message } if to == id => {
                    self.connection.handle_notified(desk, state, message);
                }
                Request::HandOver { to, protocol } if to == id => {
                    let refused = self.connection.handle_successor(desk, state, protocol);
                    if let Err(protocol) = refused {
                        let peer = self.connection.peer().clone();
                        self.turn_away(peer, protocol, Limits::default(), CloseReason::Gone);
                    }
                }
                Request::HandOver { protocol, .. } => {
                    let reason = self.unsupported(RequestKind::HandOver);
                    let peer = self.connection.peer().clone();
                    self.turn_away(peer, protocol, Limits::default(), reason);
                }
                Request::Connect { address, protocol, limits } => {
                    let reason = self.unsupported(RequestKind::Connect);
                    self.turn_away(address, protocol, *limits, reason);
                }
                Request::ConnectByName { port, protocol, limits, .. } => {
                    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
                    let reason = self.unsupported(RequestKind::Connect);
                    self.turn_away(nowhere.into(), protocol, *limits, reason);
                }
                Request::Send { .. } => self.refuse(RequestKind::Send),
                Request::Broadcast { .. } => self.refuse(RequestKind::Broadcast),
                Request::Close { .. } => self.refuse(RequestKind::Close),
                Request::Notify { .. } => self.refuse(RequestKind::Notify),
                // Nobody can have been paused for this one's sake.
                Request::Release { .. } => {}
            }
        }
    }

    fn refuse(&mut self, request: RequestKind) {
        let reason = self.unsupported(request);
        self.fail(reason);
    }

    /// Tells a protocol that has no connection why.
    fn turn_away(
        &mut self,
        peer: Address,
        protocol: Box<dyn Protocol<S>>,
        limits: Limits,
        reason: CloseReason,
    ) {
        let (nobody, origin) = (ConnectionId::NOBODY, Arc::new(Origin::new(limits)));
        let mut connection = Connection::new(nobody, protocol, origin, peer, &self.desk);
        connection.handle_failure(&mut self.desk, self.state, reason);
    }

    fn unsupported(&self, request: RequestKind) -> CloseReason {
        let unsupported = Unsupported::new(request, self.terms.driver);
        self.terms.tell(self.connection.id(), unsupported);
        CloseReason::Unsupported(unsupported)
    }
}
