//! A layer for tests: it greets, frames, scrambles, and says goodbye.

use crate::sansio::{Layer, LayerFault};

/// Both sides greet first. A frame is a length from 1 to 200 and so many bytes, scrambled. A
/// length of 0 is the farewell, and 255 an alert.
pub(super) struct Toy {
    pub(super) has_greeted: bool,
    pub(super) is_greeted: bool,
    pub(super) is_farewell_seen: bool,
    pub(super) is_faulty: bool,
    pub(super) has_alerted: bool,
    pub(super) partial: Vec<u8>,
}

pub(super) const GREETING: &[u8] = b"(*)";
pub(super) const FAREWELL: u8 = 0;
pub(super) const ALERT: u8 = 255;
pub(super) const LONGEST: usize = 200;

pub(super) fn toy() -> Toy {
    Toy {
        has_greeted: false,
        is_greeted: false,
        is_farewell_seen: false,
        is_faulty: false,
        has_alerted: false,
        partial: Vec::new(),
    }
}

pub(super) fn frame(plain: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for chunk in plain.chunks(LONGEST) {
        wire.push(chunk.len() as u8);
        wire.extend(chunk.iter().map(|byte| byte ^ 0x55));
    }
    wire
}

impl Toy {
    /// Takes one greeting or frame off the front, if it is whole.
    fn take(&mut self, plain: &mut Vec<u8>) -> Result<bool, LayerFault> {
        let length = if !self.is_greeted {
            GREETING.len()
        } else {
            match self.partial.first() {
                None => return Ok(false),
                Some(0) => 1,
                Some(length) if usize::from(*length) <= LONGEST => 1 + usize::from(*length),
                Some(_) => {
                    self.is_faulty = true;
                    return Err(LayerFault::new("no such length"));
                }
            }
        };
        if self.partial.len() < length {
            return Ok(false);
        }
        let frame: Vec<u8> = self.partial.drain(..length).collect();
        if !self.is_greeted {
            self.is_greeted = true;
            if frame != GREETING {
                self.is_faulty = true;
                return Err(LayerFault::new("no greeting"));
            }
        } else if length == 1 {
            self.is_farewell_seen = true;
        } else {
            plain.extend(frame[1..].iter().map(|byte| byte ^ 0x55));
        }
        Ok(true)
    }
}

impl Layer for Toy {
    fn receive(&mut self, wire: &[u8], plain: &mut Vec<u8>) -> Result<(), LayerFault> {
        assert!(!self.is_faulty, "a layer that found a fault is left alone");
        self.partial.extend_from_slice(wire);
        while self.take(plain)? {}
        Ok(())
    }

    fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> usize {
        assert!(!plain.is_empty(), "a layer is not bothered with nothing");
        if !self.is_greeted {
            return 0;
        }
        let taken = plain.len().min(LONGEST);
        wire.extend(frame(&plain[..taken]));
        taken
    }

    fn produce(&mut self, wire: &mut Vec<u8>) {
        if !self.has_greeted {
            self.has_greeted = true;
            wire.extend_from_slice(GREETING);
        }
        if self.is_faulty && !self.has_alerted {
            self.has_alerted = true;
            wire.push(ALERT);
        }
    }

    fn finish(&mut self, wire: &mut Vec<u8>) {
        wire.push(FAREWELL);
    }

    fn end_of_input(&mut self) -> Result<(), LayerFault> {
        if self.is_farewell_seen { Ok(()) } else { Err(LayerFault::new("cut off")) }
    }
}
