//! Listings, page by page.
//!
//! A listing ends where the service gives no further token, and nowhere else. Tokens that come back, and
//! listings that go on without end, are errors of the service: the SDK's own paginator would stop there as if
//! all had been read.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use futures::future::BoxFuture;

use super::{CallError, ErrorKind, Operation};
use crate::model::{MalformedArn, MissingId};

/// Most pages of one listing: ten million items, and more calls than a quota gives in five hours.
const PAGES_MAX: usize = 100_000;
/// Most pages in a row without an item.
const EMPTY_PAGES_MAX: usize = 1_000;

/// Something that the service listed and that no row can be made of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct Malformed {
    /// What is wrong with it.
    pub reason: MalformedReason,
}

/// Why no row can be made of something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedReason {
    /// An identifier is missing.
    #[error(transparent)]
    MissingId(#[from] MissingId),
    /// What should be the ARN of a stage is not.
    #[error(transparent)]
    Arn(#[from] MalformedArn),
    /// It belongs to another region, stage, session or participant than was asked for.
    #[error("`{text}` is not what was asked for")]
    Foreign {
        /// The ARN or id as the service gave it.
        text: String,
    },
    /// A replica that goes nowhere.
    #[error("the service gave a replica without a destination stage")]
    MissingDestination,
    /// The answer has nothing in it.
    #[error("the service gave an answer without the {noun} that was asked for")]
    Missing {
        /// What was asked for.
        noun: &'static str,
    },
}

impl<R: Into<MalformedReason>> From<R> for Malformed {
    fn from(reason: R) -> Self {
        Self { reason: reason.into() }
    }
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it, in the service's order; it may be empty.
    pub items: Vec<T>,
    /// What was left out of it.
    pub malformed: Vec<Malformed>,
    /// No further page follows.
    pub is_last: bool,
}

/// A page as it came, with the token of the next.
pub(super) struct RawPage<T> {
    pub(super) items: Vec<Result<T, Malformed>>,
    pub(super) next_token: Option<String>,
}

type Fetch<T> = Box<
    dyn FnMut(Option<String>, usize) -> BoxFuture<'static, Result<RawPage<T>, CallError>> + Send,
>;

/// A listing that is read page by page.
///
/// After an error of a call the same page may be asked for again; after an error of the listing itself every
/// further question gets that error.
pub struct Pages<T> {
    operation: Operation,
    fetch: Fetch<T>,
    cursor: Cursor,
    /// Hashes of the tokens so far; `PAGES_MAX` bounds it.
    tokens: HashSet<u64>,
    items_n: usize,
    empty_pages_n: usize,
}

enum Cursor {
    At(Option<String>),
    End,
    Broken(CallError),
}

impl<T> Pages<T> {
    /// A listing whose pages `fetch` asks for by their token; the number is that of the items before it.
    pub(super) fn new<Fut>(
        operation: Operation,
        mut fetch: impl FnMut(Option<String>, usize) -> Fut + Send + 'static,
    ) -> Self
    where
        Fut: Future<Output = Result<RawPage<T>, CallError>> + Send + 'static,
    {
        let cursor = Cursor::At(None);
        let fetch: Fetch<T> = Box::new(move |token, before| Box::pin(fetch(token, before)));
        Self { operation, fetch, cursor, tokens: HashSet::new(), items_n: 0, empty_pages_n: 0 }
    }

    /// What is being listed.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// [`CallError`] where the call failed, a token came back, or the listing has no end.
    pub async fn next(&mut self) -> Result<Option<Page<T>>, CallError> {
        let token = match &self.cursor {
            Cursor::At(token) => token.clone(),
            Cursor::End => return Ok(None),
            Cursor::Broken(error) => return Err(error.clone()),
        };
        let RawPage { items, next_token } = (self.fetch)(token, self.items_n).await?;
        let next_token = next_token.filter(|token| !token.is_empty());
        self.items_n += items.len();
        self.empty_pages_n = if items.is_empty() { self.empty_pages_n + 1 } else { 0 };
        self.advance(next_token)?;
        Ok(Some(self.page(items)))
    }

    fn advance(&mut self, next_token: Option<String>) -> Result<(), CallError> {
        let Some(token) = next_token else {
            self.cursor = Cursor::End;
            return Ok(());
        };
        let broken = if !self.tokens.insert(hash(&token)) {
            self.broken(ErrorKind::RepeatedToken, "RepeatedToken", "a page token came twice")
        } else if self.empty_pages_n >= EMPTY_PAGES_MAX {
            self.broken(ErrorKind::Endless, "EndlessListing", "1000 empty pages in a row")
        } else if self.tokens.len() >= PAGES_MAX {
            self.broken(ErrorKind::Endless, "EndlessListing", "100000 pages and no end")
        } else {
            self.cursor = Cursor::At(Some(token));
            return Ok(());
        };
        self.cursor = Cursor::Broken(broken.clone());
        Err(broken)
    }

    fn page(&self, items: Vec<Result<T, Malformed>>) -> Page<T> {
        let is_last = matches!(self.cursor, Cursor::End);
        let mut page = Page { items: Vec::with_capacity(items.len()), malformed: vec![], is_last };
        for item in items {
            match item {
                Ok(item) => page.items.push(item),
                Err(malformed) => page.malformed.push(malformed),
            }
        }
        page
    }

    fn broken(&self, kind: ErrorKind, code: &str, message: &str) -> CallError {
        CallError {
            operation: self.operation,
            kind,
            code: code.to_owned(),
            message: message.to_owned(),
            attempts: 1,
            status: None,
        }
    }
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("operation", &self.operation)
            .field("items_n", &self.items_n)
            .finish_non_exhaustive()
    }
}

fn hash(token: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
