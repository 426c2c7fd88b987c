//! Times as they are typed: `500ms`, `30s`, `2m`, `1h`.

use std::time::Duration;

/// Reads a time: a whole number above zero and its unit.
///
/// A deadline cannot be switched off, so zero is refused here and not taken for "never".
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    const HOW: &str = "write a number and its unit, as in 500ms, 30s, 2m or 1h";
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "" => return Err(format!("the unit is missing: {HOW}")),
        _ => return Err(HOW.to_owned()),
    };
    if number.is_empty() {
        return Err(HOW.to_owned());
    }
    let number: Option<u64> = number.parse().ok();
    match number.and_then(|number| number.checked_mul(milliseconds)).map(Duration::from_millis) {
        Some(Duration::ZERO) => Err("zero would end every connection at once".to_owned()),
        Some(time) if time <= LONGEST => Ok(time),
        _ => Err("the longest is a year, 8760h".to_owned()),
    }
}

/// Longer than any deadline needs to be, and short enough to be added to any clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_its_unit() {
        for (text, milliseconds) in
            [("1ms", 1), ("500ms", 500), ("30s", 30_000), ("2m", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        assert_eq!(parse("8760h"), Ok(LONGEST));
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_to_write() {
        for (text, part) in [
            ("", "the unit is missing"),
            ("30", "the unit is missing"),
            ("s", "a number and its unit"),
            ("-1s", "a number and its unit"),
            ("1.5s", "a number and its unit"),
            ("30 s", "a number and its unit"),
            ("30d", "a number and its unit"),
            ("0s", "at once"),
            ("8761h", "a year"),
            ("18446744073709551615h", "a year"),
            ("99999999999999999999s", "a year"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "{text:?}: {message}");
        }
    }
}
