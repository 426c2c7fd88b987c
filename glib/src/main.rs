//! A guest in a glib main loop: the host has a timer of its own and a title, and the server's
//! clients change the title, on the same thread.
//!
//! Run `cargo run --manifest-path glib/Cargo.toml`, and then, elsewhere, `nc 127.0.0.1 7000`:
//! what you type becomes the title that is shown every second. An address may be given; port 0
//! takes a free one.

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use switchboard::line::{Line, Session};
use switchboard::{Config, EventLoop, Transport, drivers::event_loop::OnPanic};
use switchboard_glib::Guest;

struct Client;

impl Session<String> for Client {
    fn line(&mut self, transport: &mut Transport<'_, String>, title: &mut String, line: &[u8]) {
        transport.write(format!("it was {title:?}\n").as_bytes());
        *title = String::from_utf8_lossy(line).into_owned();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let mut server = EventLoop::with_config(Config::default().on_panic(OnPanic::Close))?;
    let listener = server.listen(&*address, |_peer| Line::new(Client))?;
    println!("listening on {}", server.local_address(listener).ok_or("it has just begun")?);

    let title = Rc::new(RefCell::new(String::new()));
    let host = glib::MainLoop::new(None, false);
    let _guest = Guest::attach(server, Rc::clone(&title), {
        let host = host.clone();
        move |_ended| host.quit()
    });
    glib::timeout_add_local(Duration::from_secs(1), move || {
        println!("the title is {:?}", title.borrow());
        glib::ControlFlow::Continue
    });
    host.run();
    Ok(())
}
