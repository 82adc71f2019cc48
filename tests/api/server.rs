//! A server on this machine that answers from a script, well or badly, and writes down what it was asked.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ivsight::clock::SharedClock;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// An answer, with further headers.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// Hangs up without a word.
    Reset,
    /// Promises more than it sends, then hangs up.
    Truncated { body: String },
    /// Never answers.
    Hang,
    /// Something that is no HTTP.
    Garbage,
}

impl Reply {
    pub(crate) fn ok(body: &Value) -> Self {
        Self::status(200, &body.to_string())
    }

    pub(crate) fn status(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: vec![], body: body.to_owned() }
    }

    /// An error as the service models it.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "exceptionMessage": message });
        Self::status(status, &body.to_string()).with("x-amzn-errortype", code)
    }

    pub(crate) fn with(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Answer { status, mut headers, body } => {
                headers.push((name, value.to_owned()));
                Self::Answer { status, headers, body }
            }
            other => other,
        }
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) body: Value,
    /// The client's monotonic clock when it came.
    pub(crate) at: Duration,
}

/// The server; it answers the last reply of its script again and again once the others are used up.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) async fn start(clock: SharedClock, script: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(vec![]));
        let shared = Shared {
            clock,
            script: Arc::new(Mutex::new(script.into())),
            requests: Arc::clone(&requests),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(shared.clone().serve(stream));
            }
        });
        Self { url, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

#[derive(Clone)]
struct Shared {
    clock: SharedClock,
    script: Arc<Mutex<VecDeque<Reply>>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Shared {
    async fn serve(self, mut stream: TcpStream) {
        while let Some((path, body)) = read_request(&mut stream).await {
            let at = self.clock.monotonic();
            self.requests.lock().unwrap().push(Request { path, body, at });
            let bytes = match self.next() {
                Reply::Answer { status, headers, body } => answer(status, &headers, &body, 0),
                Reply::Truncated { body } => answer(200, &[], &body, 1_000),
                Reply::Garbage => b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec(),
                Reply::Reset => return,
                Reply::Hang => std::future::pending().await,
            };
            let is_whole = bytes.starts_with(b"HTTP") && !bytes.ends_with(b"...");
            if stream.write_all(&bytes).await.is_err() || !is_whole {
                return;
            }
        }
    }

    fn next(&self) -> Reply {
        let mut script = self.script.lock().unwrap();
        if script.len() > 1 { script.pop_front().unwrap() } else { script[0].clone() }
    }
}

fn answer(status: u16, headers: &[(&str, String)], body: &str, missing: usize) -> Vec<u8> {
    let length = body.len() + missing;
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    let cut_mark = if missing > 0 { "..." } else { "" };
    format!("{head}\r\n{body}{cut_mark}").into_bytes()
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut bytes = vec![];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = content_length(&head);
            let mut body = bytes[end + 4..].to_vec();
            let read = body.len();
            body.resize(length, 0);
            stream.read_exact(&mut body[read..]).await.ok()?;
            let path = head.split(' ').nth(1).unwrap().to_owned();
            return Some((path, serde_json::from_slice(&body).unwrap()));
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn content_length(head: &str) -> usize {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap())
}
