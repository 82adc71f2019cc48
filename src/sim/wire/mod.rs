//! REST-JSON, as the public model of the service says: what is asked, what is answered, what is refused.
//!
//! Written by hand. It shares nothing with the client, so that one mistake can't hide in both.

mod answer;
mod change;
mod fields;
mod operation;
mod refusal;
mod request;
mod token;

pub(super) use answer::{Answer, View, answer};
pub(super) use change::change;
pub use operation::{Operation, UnknownOperation};
pub(super) use refusal::Refusal;
pub(super) use request::Request;
pub(super) use token::Cursor;
