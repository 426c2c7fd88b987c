//! Figures as people read them: three digits that mean something, and a unit.

/// A time: `812 ns`, `1.24 µs`, `3.10 ms`, `12.0 s`.
pub(super) fn time(nanoseconds: f64) -> String {
    scaled(nanoseconds, 1000.0, &["ns", "µs", "ms", "s"])
}

/// A size: `523 B`, `1.50 KiB`, `12.3 MiB`, `1.00 GiB`.
pub(super) fn bytes(bytes: f64) -> String {
    scaled(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// A time at a tick of a logarithmic scale: `10 µs`.
pub(super) fn time_tick(nanoseconds: f64) -> String {
    tick(nanoseconds, &["ns", "µs", "ms", "s"])
}

/// A size at a tick of a logarithmic scale, in powers of a thousand: `10 MB`.
pub(super) fn bytes_tick(bytes: f64) -> String {
    tick(bytes, &["B", "kB", "MB", "GB", "TB"])
}

/// A whole number with its thousands apart: `1,234,567`.
pub(super) fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let rest = digits.len() - index;
        if index > 0 && rest % 3 == 0 && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A part of a whole: `97 %`.
pub(super) fn percent(part: f64) -> String {
    format!("{:.0} %", 100.0 * part)
}

/// Three digits: `812`, `12.3`, `1.24`.
pub(super) fn three_digits(number: f64) -> String {
    // Rounding may add a digit: 9.996 is `10.0`.
    if number.abs() < 9.995 {
        format!("{number:.2}")
    } else if number.abs() < 99.95 {
        format!("{number:.1}")
    } else {
        format!("{number:.0}")
    }
}

fn tick(number: f64, units: &[&str]) -> String {
    let (number, unit) = steps(number, 1000.0, units.len());
    format!("{} {}", count(number), units[unit])
}

fn scaled(number: f64, step: f64, units: &[&str]) -> String {
    let (number, unit) = steps(number, step, units.len());
    let digits = if unit == 0 { count(number) } else { three_digits(number) };
    format!("{digits} {}", units[unit])
}

/// The number in the unit that suits it, and which that is.
fn steps(mut number: f64, step: f64, units: usize) -> (f64, usize) {
    let mut unit = 0;
    // What would be shown as 1000 of a unit is one of the next.
    while number.abs() >= step - 0.5 && unit + 1 < units {
        number /= step;
        unit += 1;
    }
    (number, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_a_unit() {
        let shown = [0.4, 812.4, 999.7, 1_240.0, 12_340.0, 3.1e6, 1.2e10].map(time);
        assert_eq!(shown, ["0 ns", "812 ns", "1.00 µs", "1.24 µs", "12.3 µs", "3.10 ms", "12.0 s"]);
    }

    #[test]
    fn sizes_step_by_1024() {
        let shown = [0.0, 523.0, 1024.0, 1536.0, 1_048_576.0, 1e13].map(bytes);
        assert_eq!(shown, ["0 B", "523 B", "1.00 KiB", "1.50 KiB", "1.00 MiB", "9.09 TiB"]);
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!([1.0, 1e4, 1e6].map(time_tick), ["1 ns", "10 µs", "1 ms"]);
        assert_eq!([1e3, 1e7].map(bytes_tick), ["1 kB", "10 MB"]);
    }

    #[test]
    fn thousands_are_set_apart() {
        let shown = [0.0, 12.0, 123.0, 1_234.0, 1_234_567.0, -123_456.0].map(count);
        assert_eq!(shown, ["0", "12", "123", "1,234", "1,234,567", "-123,456"]);
    }
}
