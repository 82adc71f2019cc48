//! Page tokens: opaque, bound to the request that they came from, and with every odd character that the service's
//! pattern allows, so that a client that mangles them is found out.

use super::Refusal;
use crate::sim::draw;

/// Where a listing goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) struct Cursor {
    /// The place of the last item that was given.
    pub(in crate::sim) place: Option<u64>,
    /// How many empty pages came since.
    pub(in crate::sim) empty_pages: u8,
    /// The listing leaves items out.
    pub(in crate::sim) shrunk: bool,
}

impl Cursor {
    /// The token for a request, which its fingerprint stands for.
    pub(in crate::sim) fn to_token(self, fingerprint: u64) -> String {
        let marks = self.marks();
        let place = self.place.unwrap_or_default();
        let check = check(fingerprint, place, marks);
        let mask = draw::mix(check);
        format!("{:016x}/{check:016x}+{:06x}_-==", place ^ mask, marks ^ (mask & 0xff_ffff))
    }

    /// Reads a token.
    pub(in crate::sim) fn from_token(token: &str, fingerprint: u64) -> Result<Self, Refusal> {
        Self::decode(token, fingerprint)
            .ok_or_else(|| Refusal::Validation("Invalid pagination token".to_owned()))
    }

    fn decode(token: &str, fingerprint: u64) -> Option<Self> {
        let (place, rest) = token.strip_suffix("_-==")?.split_once('/')?;
        let (given, marks) = rest.split_once('+')?;
        let given = u64::from_str_radix(given, 16).ok()?;
        let mask = draw::mix(given);
        let place = u64::from_str_radix(place, 16).ok()? ^ mask;
        let marks = u64::from_str_radix(marks, 16).ok()? ^ (mask & 0xff_ffff);
        let cursor = Self {
            place: (marks & 1 == 1).then_some(place),
            shrunk: marks & 2 == 2,
            empty_pages: u8::try_from((marks >> 8) & 0xff).ok()?,
        };
        // The whole text must be ours: a token in capitals or with a sign is as foreign as any.
        (given == check(fingerprint, place, marks) && cursor.to_token(fingerprint) == token)
            .then_some(cursor)
    }

    fn marks(self) -> u64 {
        u64::from(self.place.is_some())
            | (u64::from(self.shrunk) << 1)
            | (u64::from(self.empty_pages) << 8)
    }
}

fn check(fingerprint: u64, place: u64, marks: u64) -> u64 {
    draw::mix(draw::mix(fingerprint ^ draw::mix(place)) ^ marks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursors() -> Vec<Cursor> {
        let mut cursors = Vec::new();
        for place in [None, Some(0), Some(7), Some(u64::MAX)] {
            for empty_pages in [0, 1, 255] {
                for shrunk in [false, true] {
                    cursors.push(Cursor { place, empty_pages, shrunk });
                }
            }
        }
        cursors
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        for cursor in cursors() {
            assert_eq!(Cursor::from_token(&cursor.to_token(42), 42), Ok(cursor));
        }
    }

    #[test]
    fn foreign_and_garbled_tokens_are_refused() {
        for cursor in cursors() {
            let token = cursor.to_token(42);
            assert!(Cursor::from_token(&token, 43).is_err());
            for at in 0..token.len() {
                let mut garbled = token.clone().into_bytes();
                garbled[at] = if garbled[at] == b'0' { b'1' } else { b'0' };
                let garbled = String::from_utf8(garbled).unwrap();
                assert!(Cursor::from_token(&garbled, 42).is_err(), "{garbled}");
            }
        }
        for token in ["", "abc", "/+_-==", "AAAA/BBBB+CC_-=="] {
            assert!(Cursor::from_token(token, 42).is_err(), "{token}");
        }
    }
}
