//! A layer that greets, seals every byte, and says farewell: as TLS does, in three lines.

use switchboard::sansio::{Layer, LayerFault};

/// What each side sends first, and what has to come before plain bytes are taken.
pub(super) const GREETING: &[u8] = b"hi";
/// What is sent last.
pub(super) const FAREWELL: &[u8] = b"bye";

/// Seals, and opens again.
pub(super) fn sealed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ 0x55).collect()
}

#[derive(Default)]
pub(super) struct Seal {
    has_greeted: bool,
    /// How much of the other side's greeting came.
    greeted: usize,
}

impl Layer for Seal {
    fn receive(&mut self, wire: &[u8], plain: &mut Vec<u8>) -> Result<(), LayerFault> {
        let (greeting, rest) = wire.split_at((GREETING.len() - self.greeted).min(wire.len()));
        self.greeted += greeting.len();
        plain.extend(sealed(rest));
        Ok(())
    }

    fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> usize {
        if self.greeted < GREETING.len() {
            return 0;
        }
        wire.extend(sealed(plain));
        plain.len()
    }

    fn produce(&mut self, wire: &mut Vec<u8>) {
        if !self.has_greeted {
            self.has_greeted = true;
            wire.extend_from_slice(GREETING);
        }
    }

    fn finish(&mut self, wire: &mut Vec<u8>) {
        wire.extend_from_slice(FAREWELL);
    }

    fn end_of_input(&mut self) -> Result<(), LayerFault> {
        if self.greeted < GREETING.len() {
            return Err(LayerFault::new("the greeting is cut short"));
        }
        Ok(())
    }
}
