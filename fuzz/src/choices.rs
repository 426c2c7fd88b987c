//! Decisions made of bytes, and decisions made of one number.

/// Bytes, read as decisions. Spent ones give zeros, so that any input is a whole one.
#[derive(Debug)]
pub(crate) struct Choices {
    bytes: Vec<u8>,
    /// How many of them are spent.
    spent: usize,
}

impl Choices {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), spent: 0 }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some(&byte) = self.bytes.get(self.spent) else { return 0 };
        self.spent += 1;
        byte
    }

    /// A number below `bound`, which is at most 256.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    pub(crate) fn word(&mut self) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()]))
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.spent == self.bytes.len()
    }

    /// All that was not read as a decision.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.spent..]
    }
}

/// A splitmix64: the same numbers for the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}
