//! The counts that are expected: `baseline.txt`, a line for each path.

/// A count may grow by so much: one part in fifty.
const ROOM: u64 = 50;

/// What is expected of every path, in the file's order.
#[must_use]
pub fn all() -> Vec<(&'static str, u64)> {
    let lines = include_str!("../baseline.txt").lines();
    lines.filter(|line| !line.starts_with('#')).filter_map(count).collect()
}

/// The most instructions that a path may take.
///
/// # Panics
///
/// If the baseline does not have it: a path that nobody compares would grow unseen.
#[must_use]
pub fn most(path: &str) -> u64 {
    let expected = all().into_iter().find(|(name, _)| *name == path);
    let (_, count) = expected.unwrap_or_else(|| panic!("baseline.txt has no line for `{path}`"));
    count + count / ROOM
}

fn count(line: &str) -> Option<(&str, u64)> {
    let (path, count) = line.split_once(' ')?;
    Some((path, count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_grow_by_two_parts_in_a_hundred() {
        for (path, count) in all() {
            let room = most(path) - count;
            assert!(room * 50 <= count && (room + 1) * 50 > count, "{path}: {room} more");
        }
        assert!(!all().is_empty());
    }
}
