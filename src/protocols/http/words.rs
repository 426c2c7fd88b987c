//! How far a run of allowed bytes goes, eight bytes at a time.
//!
//! Targets and values are the long part of a head, and looking each byte up in a table was most
//! of what reading one cost. Here a word of eight bytes is asked at once whether a stray one is
//! among them. The classes are those of `head_lines.rs`, and a test compares the two.
//!
//! The subtractions borrow from one byte to the next, so a mask may name bytes wrongly, but only
//! such that stand *after* a stray one; only the first is ever used.

use super::head_lines::{is_target, is_value};

/// A byte in each place of a word.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The bytes of `word` below `bound`, which is at most 0x80: their high bits.
const fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(each(bound)) & !word & each(0x80)
}

/// The bytes of `word` that are `byte`: their high bits.
const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ each(byte), 1)
}

/// How many bytes at the front of `bytes` may stand in a header's value.
#[inline]
pub(super) fn run_of_value(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let stray = below(word, b' ') | equal(word, 0x7f);
        at += if stray == 0 { 8 } else { first(stray) };
        if stray != 0 {
            if bytes[at] != b'\t' {
                return at;
            }
            at += 1; // The one control byte that is allowed.
        }
    }
    run(bytes, at, is_value)
}

/// How many bytes at the front of `bytes` may stand in a request target.
#[inline]
pub(super) fn run_of_target(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let stray = below(word, b'!') | equal(word, b'#') | equal(word, 0x7f) | word & each(0x80);
        if stray != 0 {
            return at + first(stray);
        }
        at += 8;
    }
    run(bytes, at, is_target)
}

/// The place of the first byte that a mask names.
const fn first(mask: u64) -> usize {
    mask.trailing_zeros() as usize / 8
}

/// Goes on from `at`, byte by byte.
fn run(bytes: &[u8], at: usize, is_allowed: fn(u8) -> bool) -> usize {
    let rest = &bytes[at..];
    at + rest.iter().position(|&byte| !is_allowed(byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each byte at each place of a run, before and after every other.
    fn agrees(in_words: fn(&[u8]) -> usize, is_allowed: fn(u8) -> bool) {
        for byte in 0..=255_u8 {
            for place in 0..19 {
                for other in [b'a', byte.wrapping_add(1), byte ^ 0x80, 0x1f, 0x21, 0x7e, 0xff] {
                    let mut bytes = [b'a'; 19];
                    bytes[place] = byte;
                    if place > 0 {
                        bytes[place - 1] = other;
                    }
                    for end in 0..=bytes.len() {
                        let bytes = &bytes[..end];
                        assert_eq!(in_words(bytes), run(bytes, 0, is_allowed), "{bytes:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn words_and_bytes_agree_on_values() {
        agrees(run_of_value, is_value);
    }

    #[test]
    fn words_and_bytes_agree_on_targets() {
        agrees(run_of_target, is_target);
    }
}
