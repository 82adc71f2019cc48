//! An answer, ready to be sent.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::model::Timestamp;
use crate::sim::wire::{Answer, Refusal};

/// What is sent, and how.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    pub(super) delivery: Delivery,
    pub(super) throttled: bool,
}

/// How an answer reaches the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    /// After a delay.
    Slow(Duration),
    /// Half of it, then the connection ends.
    Truncated,
    /// Not at all.
    Reset,
}

impl Delivery {
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Whole | Self::Slow(_))
    }
}

/// What goes into the head of each answer.
pub(super) struct Stamp {
    pub(super) now: Timestamp,
    pub(super) request_id: u64,
    pub(super) retry_after: Option<u64>,
}

impl Reply {
    /// A good answer. A page gets its token here.
    pub(super) fn answer(answer: Answer, token: Option<String>, stamp: &Stamp) -> Self {
        let value = match answer {
            Answer::Whole(value) => value,
            Answer::Page { name, items, .. } => {
                let mut page = Map::new();
                page.insert(name.to_owned(), Value::Array(items));
                page.extend(token.map(|token| ("nextToken".to_owned(), Value::String(token))));
                Value::Object(page)
            }
        };
        Self {
            status: 200,
            headers: headers(stamp, "application/json"),
            body: value.to_string().into_bytes(),
            delivery: Delivery::Whole,
            throttled: false,
        }
    }

    /// An error.
    pub(super) fn refusal(refusal: &Refusal, stamp: &Stamp) -> Self {
        let mut headers = headers(stamp, refusal.content_type());
        if let Some(code) = refusal.code() {
            headers.push(("x-amzn-errortype", code.to_owned()));
            headers.push(("x-amzn-errormessage", refusal.message().to_owned()));
        }
        if refusal.is_throttle() || *refusal == Refusal::Unavailable {
            headers.extend(stamp.retry_after.map(|it| ("retry-after", it.to_string())));
        }
        Self {
            status: refusal.status(),
            headers,
            body: refusal.body(),
            delivery: Delivery::Whole,
            throttled: refusal.is_throttle(),
        }
    }
}

fn headers(stamp: &Stamp, content_type: &str) -> Vec<(&'static str, String)> {
    let id = stamp.request_id;
    vec![
        ("date", stamp.now.format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ("content-type", content_type.to_owned()),
        ("x-amzn-requestid", format!("{:08x}-0000-4000-8000-{:012x}", id >> 32, id & 0xffff_ffff)),
        ("x-amz-apigw-id", format!("{id:016x}=")),
        ("access-control-allow-origin", "*".to_owned()),
        (
            "access-control-expose-headers",
            "Access-Control-Allow-Origin,Access-Control-Expose-Headers,Cache-Control,\
             Content-Length,Content-Security-Policy,Content-Type,date,Strict-Transport-Security,\
             x-amz-apigw-id,x-amzn-errormessage,x-amzn-errortype,x-amzn-requestid,\
             X-Content-Type-Options,X-Frame-Options"
                .to_owned(),
        ),
        ("cache-control", "no-store, no-cache".to_owned()),
        ("content-security-policy", "default-src 'self'; upgrade-insecure-requests;".to_owned()),
        ("strict-transport-security", "max-age:47304000; includeSubDomains".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("x-frame-options", "DENY".to_owned()),
    ]
}
