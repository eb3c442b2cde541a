// rustc -O -o apps/hi-rust examples/rust/hello.rs
//
// Hello in Rust: std only, a thread a connection, keep-alive.
use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

const MAX_HEAD: u64 = 16 * 1024;
const IDLE: Duration = Duration::from_secs(75);

static STOPPING: AtomicBool = AtomicBool::new(false);
/// Requests that are being answered right now.
static ANSWERING: AtomicUsize = AtomicUsize::new(0);

// std has no signals, but the C library it links has. All the handler does is set a flag.
extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
}
const SIGTERM: i32 = 15;
extern "C" fn on_sigterm(_: i32) {
    STOPPING.store(true, SeqCst);
}

fn main() -> io::Result<()> {
    let host = env::var("HOST").unwrap_or("127.0.0.1".into());
    let port = env::var("PORT").unwrap_or("3000".into());
    unsafe { signal(SIGTERM, on_sigterm) };
    let listener = TcpListener::bind(format!("{host}:{port}"))?;
    println!("listening on http://{}", listener.local_addr()?);

    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection that says nothing, or nothing sensible, ends its own thread and no more.
            let _ = thread::Builder::new().spawn(move || converse(stream));
        }
    });

    while !STOPPING.load(SeqCst) {
        thread::sleep(Duration::from_millis(50));
    }
    // What was asked is answered, for five seconds at most; idle connections are not waited for.
    let patience = Instant::now() + Duration::from_secs(5);
    while ANSWERING.load(SeqCst) > 0 && Instant::now() < patience {
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Serves the requests of one connection, one after the other.
fn converse(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(IDLE))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(head) = read_head(&mut reader)? {
        ANSWERING.fetch_add(1, SeqCst);
        let (reply, close) = answer(&head);
        let sent = stream.write_all(reply.as_bytes());
        ANSWERING.fetch_sub(1, SeqCst);
        sent?;
        if close {
            // Closing on unread bytes could take the answer along: say goodbye, let the other side hang up.
            stream.shutdown(Shutdown::Write)?;
            io::copy(&mut reader, &mut io::sink())?;
            break;
        }
    }
    Ok(())
}

/// The lines of a request head; None when the other side hung up or sent too much.
fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Vec<String>>> {
    let mut limited = reader.take(MAX_HEAD);
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if limited.read_until(b'\n', &mut line)? == 0 || !line.ends_with(b"\r\n") {
            return Ok(None);
        }
        line.truncate(line.len() - 2);
        if line.is_empty() {
            return Ok(Some(lines));
        }
        lines.push(String::from_utf8_lossy(&line).into_owned());
    }
}

/// The bytes to send, and whether the connection ends with them.
fn answer(head: &[String]) -> (String, bool) {
    let field = |name: &str| {
        head.iter().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let request: Vec<&str> = head.first().map(|line| line.split(' ').collect()).unwrap_or_default();
    let well_formed = matches!(request[..], [_, _, "HTTP/1.1" | "HTTP/1.0"]);
    // We read no bodies: what follows such a head is thrown away with the connection, never taken for a request.
    let has_body = field("Content-Length").unwrap_or("0") != "0" || field("Transfer-Encoding").is_some();
    let asked = field("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let close = !well_formed || has_body || asked || request[2] == "HTTP/1.0" || STOPPING.load(SeqCst);

    let (status, body) = if well_formed {
        let subject = field("X-Auth-Subject").unwrap_or("stranger");
        let run = env::var("QUAYMASTER_RUN").unwrap_or("-".into());
        let process = std::process::id();
        ("200 OK", format!("Hello from Rust, {subject}! This is run {run}, process {process}.\n"))
    } else {
        ("400 Bad Request", "This is not an HTTP/1 request.\n".into())
    };
    let reply = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n{}\r\n{}",
        body.len(),
        if close { "Connection: close\r\n" } else { "" },
        if request.first() == Some(&"HEAD") { "" } else { &body },
    );
    (reply, close)
}
