//! Hostile texts: whatever a customer's users may call themselves.

use super::case::Case;
use super::{World, session};
use crate::model::{TextMap, Timestamp};
use crate::sim::world::Stage;

/// User ids that break terminals, spreadsheets, SQL and parsers.
const USER_IDS: [&str; 18] = [
    "line\nbreak",
    "tab\tand\rreturn",
    "\u{1b}[31mred\u{1b}[0m",
    "bell\u{7}",
    "\u{202e}rtl override",
    "zero\u{200b}width",
    "\"quoted\"",
    "it's, \"both\"",
    "'; DROP TABLE events; --",
    "=HYPERLINK(\"http://example.com\")",
    "@SUM(1+1)",
    "+1",
    "-1",
    "null",
    "NULL",
    " leading and trailing ",
    "日本語🎤👩‍👩‍👧",
    "back\\slash %s {} $HOME",
];

pub(super) fn fill(world: &mut World, base: Timestamp) {
    let mut stage = Stage::new(&world.arn("stage/TrapTexts"), Some("trap-texts"));
    stage.tags = TextMap::from([
        ("empty".to_owned(), String::new()),
        ("quote\"d".to_owned(), "a,b;c".to_owned()),
    ]);
    let mut texts = session("texts", base, 600);
    let longest = "w".repeat(128);
    let user_ids = USER_IDS.into_iter().chain([longest.as_str()]);
    texts.participants.extend(user_ids.enumerate().map(|(number, user_id)| {
        Case::new(base, &format!("text-{number}_x"))
            .there(0, 100)
            .with(|participant| {
                participant.user_id = Some(user_id.to_owned());
                participant.details.attributes = Some(attributes(number));
                participant.details.isp_name = Some(user_id.to_owned());
            })
            .done()
    }));
    stage.sessions.insert(texts);
    world.stages.insert(stage);
}

fn attributes(number: usize) -> TextMap {
    match number % 4 {
        0 => TextMap::new(),
        1 => TextMap::from([(String::new(), "empty key".to_owned())]),
        2 => TextMap::from([("empty value".to_owned(), String::new())]),
        _ => TextMap::from([
            ("b".to_owned(), "2".to_owned()),
            ("a\n\"=".to_owned(), "\u{202e}x".repeat(60)),
        ]),
    }
}
