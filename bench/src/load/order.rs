//! The lines between a load and who started it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::tally::Tally;
use crate::failure::{Failure, Outcome};

/// What a load is told to do, written as one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// A closed loop for so long.
    Slice(Duration),
    /// The same, timing each request.
    Waits(Duration),
    /// A closed loop for so many requests.
    Requests(u64),
    /// An open loop.
    Rate { per_second: u64, time: Duration },
    /// How many clients ask from now on.
    Active(usize),
    /// To end.
    Quit,
}

/// What it answers, as one line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// All are connected.
    Ready { connected_ns: u64 },
    /// The order could not be carried out, and the load ends.
    Error(String),
    /// It was.
    #[serde(untagged)]
    Done(Tally),
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slice(time) => write!(f, "slice {}", time.as_millis()),
            Self::Waits(time) => write!(f, "waits {}", time.as_millis()),
            Self::Requests(count) => write!(f, "requests {count}"),
            Self::Rate { per_second, time } => write!(f, "rate {per_second} {}", time.as_millis()),
            Self::Active(count) => write!(f, "active {count}"),
            Self::Quit => f.write_str("quit"),
        }
    }
}

impl FromStr for Order {
    type Err = Failure;

    fn from_str(line: &str) -> Outcome<Self> {
        let unknown = || Failure::new(format!("there is no such order: `{line}`"));
        let mut words = line.split_whitespace();
        let name = words.next();
        let numbers: Vec<u64> =
            words.map(str::parse).collect::<Result<_, _>>().map_err(|_| unknown())?;
        match (name, numbers.as_slice()) {
            (Some("slice"), &[millis]) => Ok(Self::Slice(Duration::from_millis(millis))),
            (Some("waits"), &[millis]) => Ok(Self::Waits(Duration::from_millis(millis))),
            (Some("requests"), &[count]) => Ok(Self::Requests(count)),
            (Some("rate"), &[per_second, millis]) if per_second > 0 => {
                Ok(Self::Rate { per_second, time: Duration::from_millis(millis) })
            }
            (Some("active"), &[count]) => {
                usize::try_from(count).map(Self::Active).map_err(|_| unknown())
            }
            (Some("quit"), &[]) => Ok(Self::Quit),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_the_way_through_its_line() {
        let time = Duration::from_millis(20);
        let orders = [
            Order::Slice(time),
            Order::Waits(time),
            Order::Requests(7),
            Order::Rate { per_second: 1000, time },
            Order::Active(1),
            Order::Quit,
        ];
        for order in orders {
            assert_eq!(order.to_string().parse::<Order>().expect("its own line"), order);
        }
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for line in ["", "slice", "slice x", "slice 1 2", "rate 0 20", "rate 5", "stop"] {
            assert!(line.parse::<Order>().is_err(), "{line:?}");
        }
    }

    #[test]
    fn an_answer_is_told_by_its_shape() {
        let read = |text| serde_json::from_str::<Answer>(text).expect("a good answer");
        let ready = read(r#"{"ready":{"connected_ns":5}}"#);
        assert!(matches!(ready, Answer::Ready { connected_ns: 5 }));
        assert!(matches!(read(r#"{"error":"why"}"#), Answer::Error(why) if why == "why"));
        let tally = Tally { requests: 3, ..Tally::default() };
        let line = serde_json::to_string(&Answer::Done(tally)).expect("plain values");
        assert!(line.starts_with(r#"{"requests":3"#), "{line}");
        assert!(matches!(read(&line), Answer::Done(back) if back == tally));
    }
}
