//! What all servers have in common: where they listen, who runs them, and their bounds.

use std::time::Duration;

use clap::{Args, Command, ValueEnum};
use switchboard::{Address, Limits};

use crate::time;

/// The options of every server.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerOptions {
    /// Where to listen, as often as you like: 127.0.0.1:7000 (port 0 takes a free one),
    /// udp://[::1]:7000, unix:///path, unix:@name or unixgram:///path
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Vec<Address>,

    /// Who runs the conversations
    #[arg(long, value_enum, default_value_t = Driver::EventLoop)]
    pub(crate) driver: Driver,

    /// Connections at once on each address; further clients wait
    #[arg(long, value_name = "NUMBER", default_value = "65536",
        value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,

    /// From connecting to the first byte
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time::parse)]
    first_byte_timeout: Duration,

    /// Silence in both directions
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time::parse)]
    idle_timeout: Duration,

    /// From the first byte of a message to its end
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time::parse)]
    message_timeout: Duration,

    /// A client that takes nothing of what is said to it
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time::parse)]
    write_stall_timeout: Duration,

    /// From the last word to the connection's end
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time::parse)]
    closing_timeout: Duration,

    /// From SIGINT or SIGTERM to the end, for what was begun
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time::parse)]
    pub(crate) drain_timeout: Duration,
}

/// Who runs the conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Driver {
    /// All of them on one thread
    EventLoop,
    /// A thread for each
    Threads,
    /// A process for each
    Forks,
}

impl ServerOptions {
    /// The bounds of each listener and its connections.
    pub(crate) fn limits(&self) -> Limits {
        let connections = usize::try_from(self.max_connections).unwrap_or(usize::MAX);
        Limits::default()
            .connections(connections)
            .connections_per_address(connections)
            .first_byte(self.first_byte_timeout)
            .idle(self.idle_timeout)
            .message(self.message_timeout)
            .write_stall(self.write_stall_timeout)
            .closing(self.closing_timeout)
    }
}

/// Where each server listens unless it is told otherwise: the services with a port of their own
/// on that and 7000, since the port itself is privileged.
const PLACES: [(&str, &str); 11] = [
    ("http", "127.0.0.1:8000"),
    ("greet", "127.0.0.1:7001"),
    ("reply", "127.0.0.1:7002"),
    ("print", "127.0.0.1:7003"),
    ("chat", "127.0.0.1:7004"),
    ("proxy", "127.0.0.1:7005"),
    ("echo", "127.0.0.1:7007"),
    ("discard", "127.0.0.1:7009"),
    ("daytime", "127.0.0.1:7013"),
    ("chargen", "127.0.0.1:7019"),
    ("time", "127.0.0.1:7037"),
];

/// Gives each server its own defaults, which the options that they share cannot have.
pub(crate) fn with_defaults(command: Command) -> Command {
    let command = PLACES.iter().fold(command, |command, (name, place)| {
        let place: &'static str = place;
        command.mut_subcommand(name, |server| {
            server.mut_arg("listen", |option| option.default_value(place))
        })
    });
    // A browser comes back within a minute, or opens a new connection.
    let command = command.mut_subcommand("http", |http| {
        http.mut_arg("idle_timeout", |option| {
            option.default_value("75s").help("Silence between requests")
        })
        .mut_arg("message_timeout", |option| {
            let help = "From the first byte of a request to the end of its head";
            option.long("head-timeout").alias("message-timeout").help(help)
        })
    });
    let command = ["chat", "proxy"].iter().fold(command, |command, name| {
        command.mut_subcommand(name, |server| {
            server.mut_arg("driver", |option| {
                let help = "The event loop alone, where one connection can reach another";
                option.help(help).hide_possible_values(true)
            })
        })
    });
    // Who only listens in a chat is silent for long, and so is who thinks before he types.
    ["chat", "print"].iter().fold(command, |command, name| {
        command.mut_subcommand(name, |server| {
            server
                .mut_arg("idle_timeout", |option| option.default_value("1h"))
                .mut_arg("first_byte_timeout", |option| option.default_value("1h"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{self, Options};

    fn server_of(arguments: &str) -> ServerOptions {
        match Options::read(arguments.split_whitespace()).unwrap().command {
            options::Command::Http(options) => options.server,
            options::Command::Proxy(options) => options.server,
            options::Command::Talk(_) => panic!("that is no server"),
            options::Command::Echo(options)
            | options::Command::Discard(options)
            | options::Command::Chargen(options)
            | options::Command::Daytime(options)
            | options::Command::Time(options)
            | options::Command::Greet(options)
            | options::Command::Reply(options)
            | options::Command::Chat(options)
            | options::Command::Print(options) => options,
        }
    }

    #[test]
    fn each_option_sets_its_limit() {
        for (server, message) in [("http", "head"), ("http", "message"), ("echo", "message")] {
            let arguments = format!(
                "switchboard {server} --max-connections 7 --first-byte-timeout 1s \
                 --idle-timeout 2s --{message}-timeout 3s --write-stall-timeout 4s \
                 --closing-timeout 5s"
            );
            let expected = Limits::default()
                .connections(7)
                .connections_per_address(7)
                .first_byte(Duration::from_secs(1))
                .idle(Duration::from_secs(2))
                .message(Duration::from_secs(3))
                .write_stall(Duration::from_secs(4))
                .closing(Duration::from_secs(5));
            assert_eq!(server_of(&arguments).limits(), expected);
        }
    }

    #[test]
    fn without_options_the_limits_are_the_librarys_where_no_server_has_its_own() {
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        for (name, _) in PLACES {
            let mut expected = Limits::default();
            match name {
                "http" => expected = expected.idle(minute + minute / 4),
                "chat" | "print" => expected = expected.idle(hour).first_byte(hour),
                _ => {}
            }
            let to = if name == "proxy" { " --to 127.0.0.1:1" } else { "" };
            let options = server_of(&format!("switchboard {name}{to}"));
            assert_eq!(options.limits(), expected, "{name}");
        }
    }

    #[test]
    fn a_server_that_needs_the_event_loop_says_so_in_its_help() {
        for (name, is_so) in [("chat", true), ("proxy", true), ("echo", false)] {
            let help = Options::read(["switchboard", name, "--help"]).unwrap_err().to_string();
            assert_eq!(help.contains("event loop alone"), is_so, "{help}");
            assert_eq!(help.contains("forks"), !is_so, "{help}");
        }
    }

    #[test]
    fn every_server_has_an_unprivileged_place_of_its_own() {
        let mut ports: Vec<_> = PLACES
            .iter()
            .map(|(_, place)| place.parse::<Address>().unwrap().socket().unwrap().port())
            .collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), PLACES.len());
        assert!(ports[0] >= 1024);
    }

    #[test]
    fn a_server_listens_wherever_it_is_told_and_only_there() {
        let options = server_of(
            "switchboard echo --listen 127.0.0.1:0 --listen udp://[::1]:9 --listen unix:@x",
        );
        let places: Vec<_> = options.listen.iter().map(Address::to_string).collect();
        assert_eq!(places, ["tcp://127.0.0.1:0", "udp://[::1]:9", "unix:@x"]);
    }
}
