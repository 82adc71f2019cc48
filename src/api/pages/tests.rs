use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A listing of one number per page whose tokens are what `token` says of the page's index.
fn listing(
    items: impl Fn(usize) -> usize + Send + 'static,
    token: impl Fn(usize) -> Option<String> + Send + 'static,
) -> Pages<usize> {
    let page = Arc::new(AtomicUsize::new(0));
    let fetch = move |_: Option<String>, before: usize| {
        let at = page.fetch_add(1, Ordering::Relaxed);
        let items = (0..items(at)).map(|item| Ok(before + item)).collect();
        let raw = RawPage { items, next_token: token(at) };
        async move { Ok(raw) }
    };
    Pages::new(Operation::ListParticipants, fetch)
}

/// Reads to the end: pages, items, and the error if there is one.
async fn read(pages: &mut Pages<usize>) -> (usize, Vec<usize>, Option<ErrorKind>) {
    let (mut pages_n, mut items) = (0, vec![]);
    loop {
        match pages.next().await {
            Ok(Some(page)) => {
                pages_n += 1;
                items.extend(page.items);
            }
            Ok(None) => return (pages_n, items, None),
            Err(error) => return (pages_n, items, Some(error.kind)),
        }
    }
}

#[tokio::test]
async fn tokens_are_followed_over_empty_pages_to_the_end() {
    let token = |at| (at < 4).then(|| format!("t{at}"));
    let mut pages = listing(|at| if at % 2 == 0 { 2 } else { 0 }, token);
    assert_eq!(read(&mut pages).await, (5, (0..6).collect(), None));
    assert_eq!(pages.next().await, Ok(None));
}

#[tokio::test]
async fn an_empty_token_ends_a_listing() {
    let mut pages = listing(|_| 1, |_| Some(String::new()));
    let page = pages.next().await.unwrap().unwrap();
    assert!(page.is_last);
    assert_eq!(pages.next().await, Ok(None));
}

#[tokio::test]
async fn a_token_that_comes_back_is_an_error_and_stays_one() {
    for period in [1, 2, 7] {
        let mut pages = listing(|_| 1, move |at| Some(format!("t{}", at % period)));
        let (pages_n, _, error) = read(&mut pages).await;
        assert_eq!((pages_n, error), (period, Some(ErrorKind::RepeatedToken)));
        assert_eq!(pages.next().await.unwrap_err().kind, ErrorKind::RepeatedToken);
    }
}

#[tokio::test]
async fn empty_pages_end_somewhere() {
    let mut pages = listing(|_| 0, |at| Some(at.to_string()));
    let (pages_n, _, error) = read(&mut pages).await;
    assert_eq!((pages_n, error), (EMPTY_PAGES_MAX - 1, Some(ErrorKind::Endless)));
}

#[tokio::test]
async fn so_do_full_ones() {
    let mut pages = listing(|_| 1, |at| Some(at.to_string()));
    let (pages_n, _, error) = read(&mut pages).await;
    assert_eq!((pages_n, error), (PAGES_MAX - 1, Some(ErrorKind::Endless)));
}

#[tokio::test]
async fn a_failed_call_leaves_the_place_where_it_was() {
    let asked = Arc::new(std::sync::Mutex::new(vec![]));
    let seen = Arc::clone(&asked);
    let fetch = move |token: Option<String>, _| {
        let mut asked = seen.lock().unwrap();
        asked.push(token);
        let answer = if asked.len() == 2 {
            Err(CallError {
                operation: Operation::ListStages,
                kind: ErrorKind::Server,
                code: "Http503".to_owned(),
                message: String::new(),
                attempts: 8,
                status: Some(503),
            })
        } else {
            let next_token = (asked.len() == 1).then(|| "a".to_owned());
            Ok(RawPage { items: vec![Ok(1_usize)], next_token })
        };
        async move { answer }
    };
    let mut pages: Pages<usize> = Pages::new(Operation::ListStages, fetch);
    assert!(pages.next().await.is_ok());
    assert_eq!(pages.next().await.unwrap_err().kind, ErrorKind::Server);
    assert!(pages.next().await.unwrap().unwrap().is_last);
    let token = Some("a".to_owned());
    assert_eq!(*asked.lock().unwrap(), [None, token.clone(), token]);
}
