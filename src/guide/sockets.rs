//! From the socket chapter to Switchboard: what each call of a book on sockets is here.
//!
//! A socket chapter builds its servers from calls that block, and then looks for ways around the
//! blocking: a thread for each client, a process for each, `select`, `poll`. Here the waiting is
//! done in one place, and a [`Protocol`](crate::Protocol) is what is left of the server when all
//! of it is taken out: what to do *when* something has happened.
//!
//! The servers of such a chapter, one by one, are in the folder `examples`, with a table in its
//! `README.md`. The command `switchboard` has them as well, and a client for all.
//!
//! # The loop
//!
//! Two nested loops make up the server that every chapter begins with: accept a client, and
//! converse with it until it goes. The outer one is [`EventLoop::run`](crate::EventLoop::run),
//! and the inner one is turned inside out into calls to a protocol:
//!
//! | in the chapter | here |
//! | --- | --- |
//! | `socket()`, `bind()`, `listen()` | [`EventLoop::listen`](crate::EventLoop::listen) |
//! | the loop around `accept()` | [`EventLoop::run`](crate::EventLoop::run), or [`turn`](crate::EventLoop::turn) in a loop of your own |
//! | a client was accepted | [`connected`](crate::Protocol::connected) |
//! | `recv()` has given some bytes | [`received`](crate::Protocol::received) |
//! | `recv()` has given none: the peer's end | [`finished`](crate::Protocol::finished) |
//! | `recv()` or `send()` has failed | [`closed`](crate::Protocol::closed), with the reason |
//! | `close()` at the end of the inner loop | [`Transport::finish`](crate::Transport::finish) |
//! | `close()` of the listener, after a loop that never ends | [`Handle::drain`](crate::Handle::drain), [`stop_listening`](crate::EventLoop::stop_listening) |
//!
//! # The calls of a socket
//!
//! | call | here |
//! | --- | --- |
//! | `socket(family, type)` | both are in the [`Address`](crate::Address): `127.0.0.1:8000`, `[::1]:8000`, `udp://127.0.0.1:8000`, `unix:///path`, `unix:@name`, `unixgram:///path`. |
//! | `bind(address)` | for streams, the address that [`listen`](crate::EventLoop::listen) is given; for datagrams [`EventLoop::bind`](crate::EventLoop::bind). A Unix socket's file that a dead server left behind is replaced, one that answers is not. |
//! | `listen(backlog)` | [`Limits::backlog`](crate::Limits::backlog), which bounds those who wait. How many are *served* at once is [`Limits::connections`](crate::Limits::connections). |
//! | `accept()` | done by the loop, as many as a turn's budget allows. Your factory is called with the [`Peer`](crate::Peer), and makes its protocol. When descriptors run out the loop rests and tries again; it does not end. |
//! | `connect(address)`, `connect_ex(address)` | [`EventLoop::connect`](crate::EventLoop::connect), [`Transport::connect`](crate::Transport::connect); to a name, with a [`Resolver`](crate::Resolver). They return at once; what `connect_ex` would give as a number comes as the reason in [`closed`](crate::Protocol::closed). |
//! | `recv(size)` | [`received`](crate::Protocol::received). There is no size: you are lent what came, and say how much of it you have used. Less than all means *I need more*, and the rest comes again with more behind it. |
//! | `recv_into(buffer)` | the same call: all connections are read into one buffer of the loop, and nothing is copied for you. An idle connection owns no buffer. |
//! | `recvfrom(size)`, `recvfrom_into(buffer)` | [`DatagramProtocol::received`](crate::DatagramProtocol::received), with the sender's address. A datagram that is too large never comes cut: it is counted. |
//! | `send(bytes)` | there is none that takes a part: see the next line. |
//! | `sendall(bytes)` | [`Transport::write`](crate::Transport::write). It does not wait and does not fail: the bytes are queued, and go out as fast as the peer takes them. Where they do not, you are asked to stop ([`is_backpressured`](crate::Transport::is_backpressured)), and nothing more is read from that peer. |
//! | `sendto(bytes, address)` | [`DatagramTransport::send_to`](crate::DatagramTransport::send_to), or [`reply`](crate::DatagramTransport::reply) to the sender. |
//! | `shutdown(SHUT_WR)` | [`Transport::finish_writing`](crate::Transport::finish_writing): what is queued, then FIN. |
//! | `shutdown(SHUT_RD)` | [`Transport::pause_reading`](crate::Transport::pause_reading). The system call makes us deaf and leaves the peer talking; this holds the peer back. |
//! | `close()` | [`Transport::finish`](crate::Transport::finish): what is queued, FIN, and what the peer still says is read and thrown away for a while. Without that last part the system resets the connection, and the peer may lose what it was sent. |
//! | `SO_LINGER` of zero, then `close()` | [`Transport::abort`](crate::Transport::abort): a reset. |
//! | `getpeername()` | [`Transport::peer`](crate::Transport::peer) |
//! | `getsockname()` | [`Transport::local`](crate::Transport::local), [`EventLoop::local_address`](crate::EventLoop::local_address), [`DatagramTransport::local`](crate::DatagramTransport::local) |
//! | `setsockopt()`, `getsockopt()` | [`ListenOptions`](crate::ListenOptions): `SO_REUSEADDR` and `TCP_NODELAY`, which are on, `SO_REUSEPORT`, `SO_KEEPALIVE`, `IPV6_V6ONLY`; for datagrams [`BindOptions`](crate::BindOptions). For others make the socket yourself, and have it adopted: [`adopt_listener`](crate::EventLoop::adopt_listener), [`adopt_stream`](crate::EventLoop::adopt_stream). |
//! | `settimeout(seconds)`, `gettimeout()` | [`Limits`](crate::Limits): there is one timeout for each thing that may take too long, all are on, and none can be switched off. One of your own is [`Transport::set_timeout`](crate::Transport::set_timeout); it ends nothing, and calls [`expired`](crate::Protocol::expired). |
//! | `setblocking(flag)` | sockets never block under the event loop. A protocol cannot tell. |
//! | `fileno()` | a [`ConnectionId`](crate::ConnectionId) is what names a connection. A number of the system is given to the next client as soon as it is free; an id never is. The loop itself is [`AsFd`](std::os::fd::AsFd), for other loops. |
//! | `makefile()` | [`Writer`](crate::sansio::Writer) is an [`io::Write`](std::io::Write). For reading in lines there is [`line`](mod@crate::line). |
//! | `detach()` | [`become_protocol`](crate::Transport::become_protocol) is what it is mostly wanted for: others go on with the connection. |
//! | `ioctl()` (Windows) | nothing. |
//! | `time.sleep(1)` between two messages | [`set_timeout`](crate::Transport::set_timeout), since sleeping would hold up everybody. |
//!
//! # select
//!
//! `select` takes three lists and a timeout, and gives three lists back. The lists are gone, as
//! the loop keeps them, but what stood in them is not:
//!
//! | list | here |
//! | --- | --- |
//! | *input* | every connection that is not paused, back-pressured or held by another ([`pause_reading`](crate::Transport::pause_reading) takes it out). [`received`](crate::Protocol::received) is being in the list that comes back. |
//! | *output* | every connection with something queued. You never ask for it; [`writable`](crate::Protocol::writable) tells you, but only after you were too fast for the peer. |
//! | *exceptional conditions* | on most systems that list means urgent data (see below), and not errors. Errors and hang-ups end the connection: [`closed`](crate::Protocol::closed). |
//! | the timeout | [`Wait`](crate::Wait) of [`turn`](crate::EventLoop::turn). Zero is [`Wait::No`](crate::Wait::No), none is [`Wait::Forever`](crate::Wait::Forever), and deadlines shorten either. |
//!
//! `inputs.remove(client)` on a hang-up, which a chapter's server must not forget, has no
//! counterpart: a connection that has ended is gone, and its `closed` was the last to be called.
//!
//! # poll
//!
//! `poll` gives a mask of six bits for each descriptor. The loop waits through the crate `mio`,
//! on epoll, kqueue and their like, which asks once for everything and is told of *changes*. Of
//! the six bits it can tell apart:
//!
//! | bit | what `mio` says | what comes of it here |
//! | --- | --- | --- |
//! | `POLLIN` | readable, which is also said of urgent data | a read; then [`received`](crate::Protocol::received) or the peer's end |
//! | `POLLPRI` | priority: on Linux alone, and only where it was asked for. Then it cannot be told whether there is ordinary data as well. | not asked for. Urgent data is one byte that is out of order, and no protocol here has a use for it. |
//! | `POLLOUT` | writable, exactly | what is queued goes out |
//! | `POLLERR` | error, exactly | a read or a write, which says which error: `closed` |
//! | `POLLHUP` | read closed and write closed; together they are also said where a peer has finished and an error is pending | a read, which says what it was. A peer that has finished still hears you. |
//! | `POLLNVAL` | never: a descriptor that is closed has left the set, and one that is not open cannot be added | cannot happen: who owns a socket here also registers it |
//!
//! So a bit is a hint, and the read or write that follows is the truth. That is why a protocol
//! sees none of them. `register`, `modify` and `unregister` are not seen either: a connection is
//! registered once, for both directions, for life.
//!
//! On systems without either, `mio` uses poll(2) itself, and everything here stays the same.
//!
//! # SocketServer
//!
//! The four classes of Python's `SocketServer` are four kinds of [`Address`](crate::Address):
//!
//! | class | here |
//! | --- | --- |
//! | `TCPServer` | [`listen`](crate::EventLoop::listen) on `127.0.0.1:8000` |
//! | `UnixStreamServer` | [`listen`](crate::EventLoop::listen) on `unix:///path` or `unix:@name` |
//! | `UDPServer` | [`bind`](crate::EventLoop::bind) to `udp://127.0.0.1:8000`, with a [`DatagramProtocol`](crate::DatagramProtocol) |
//! | `UnixDatagramServer` | [`bind`](crate::EventLoop::bind) to `unixgram:///path` or `unixgram:@name` |
//! | `BaseRequestHandler`, its `setup`, `handle` and `finish` | a [`Protocol`](crate::Protocol), its `connected`, `received` and `closed`; the factory makes one for each peer |
//! | `StreamRequestHandler`, its `rfile` and `wfile` | [`line::Session`](crate::line::Session), and [`Transport::write`](crate::Transport::write) |
//! | `serve_forever()`, `shutdown()` | [`run`](crate::EventLoop::run), [`Handle::drain`](crate::Handle::drain) |
//! | `ThreadingMixIn` | [`Threads`](crate::Threads), a driver with a thread for each connection: the same protocol, the same factory |
//! | `ForkingMixIn` | `Forks`, a driver with a process for each, in the crate `switchboard-forks`, since a fork is sound in a process of one thread only |
//!
//! The threading mix-in puts no bound on its threads, and who stops such a server leaves threads or
//! children behind. The drivers here count: at
//! [`Limits::connections`](crate::Limits::connections) further clients wait, and at the end all
//! are joined or reaped. What a conversation can ask of others under each is in
//! the table of [`drivers`](crate::drivers).
//!
//! Which of them is best is a question of what a conversation does. It waits most of the time:
//! the event loop, where ten thousand that wait cost next to nothing, and they can share state
//! with no lock. It computes, or calls what blocks: threads. It must not be able to hurt others
//! whatever it does: processes.
