use proptest::prelude::*;

use super::super::vocabulary::Taken;
use super::*;

fn vocabulary() -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    let columns = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    vocabulary.relations.insert("events".to_owned(), columns(&["event_time", "name"]));
    vocabulary.relations.insert("errors".to_owned(), columns(&["event_time", "error_code"]));
    vocabulary.functions.extend(["count", "coalesce", "now"].map(str::to_owned));
    let taken = [("from", &[][..]), ("replicas", &["exclude", "include"][..])];
    let taken = taken.map(|(name, choices)| Taken {
        name: name.to_owned(),
        help: String::new(),
        choices: columns(choices),
    });
    vocabulary
        .queries
        .insert("error-codes".to_owned(), ("codes".to_owned(), taken.into_iter().collect()));
    vocabulary
}

/// What is offered at the `|` of a text, and what of the text would be replaced.
fn offered(text: &str) -> (String, Vec<String>) {
    let at = text.find('|').unwrap();
    let text = text.replacen('|', "", 1);
    let completion = complete(&text, at, &vocabulary());
    let values = completion.candidates.into_iter().map(|candidate| candidate.value);
    (text[completion.range].to_owned(), values.collect())
}

#[track_caller]
fn offers(text: &str, replaced: &str, values: &[&str]) {
    let (found, offered) = offered(text);
    assert_eq!(
        (found.as_str(), offered),
        (replaced, values.iter().map(|&it| it.to_owned()).collect())
    );
}

#[test]
fn tables_follow_from_and_join() {
    offers("select * from |", "", &["errors", "events"]);
    offers("select * from ev|", "ev", &["events"]);
    offers("SELECT * FROM events JOIN er|", "er", &["errors"]);
    offers("select 1;\nselect * from er|", "er", &["errors"]);
}

#[test]
fn columns_are_those_of_the_tables_that_are_named() {
    offers("select na| from events", "na", &["name", "natural "].map(str::trim));
    offers("select e.| from events e", "", &["event_time", "name"]);
    offers("select e.er| from errors as e join events v on true", "er", &["error_code"]);
    offers("select v.|, 1 from errors e join events v", "", &["event_time", "name"]);
    offers("select x.| from events e", "", &[]);
    offers("select err| from errors", "err", &["error_code", "errors"]);
}

#[test]
fn keywords_keep_the_case_that_was_begun() {
    offers("sel|", "sel", &["select"]);
    offers("SEL|", "SEL", &["SELECT"]);
    offers("select co|", "co", &["copy", "coalesce(", "count("]);
}

#[test]
fn nothing_is_offered_within_texts_and_comments() {
    for text in ["select 'ev|'", "select 'ev|", "select 1 -- ev|", "/* ev|", "select |"] {
        assert_eq!(offered(text).1, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn commands_and_what_they_take() {
    offers("\\ti|", "\\ti", &["\\timing"]);
    offers(".t|", ".t", &[".tables", ".timer"]);
    offers("\\d er|", "er", &["errors"]);
    offers("\\d |", "", &["errors", "events"]);
    offers("\\format js|", "js", &["json"]);
    offers("\\x o|", "o", &["on", "off"]);
    offers("\\df no|", "no", &["now("]);
    offers("\\nothing x|", "", &[]);
}

#[test]
fn canned_queries_and_their_parameters() {
    offers("\\run err|", "err", &["error-codes"]);
    offers("\\run error-codes |", "", &["from=", "replicas="]);
    offers("\\run error-codes from=7d re|", "re", &["replicas="]);
    offers("\\run error-codes replicas=|", "replicas=", &["replicas=exclude", "replicas=include"]);
    offers("error-codes fr|", "fr", &["from="]);
    offers("\\run none |", "", &[]);
}

proptest! {
    #[test]
    fn any_place_in_any_text_is_completed_or_not(text in "(\\PC|[\\n'\". \\\\]){0,30}", at in 0_usize..40) {
        let vocabulary = vocabulary();
        let at = (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap();
        let completion = complete(&text, at, &vocabulary);
        if !completion.candidates.is_empty() {
            prop_assert_eq!(completion.range.end, at);
            prop_assert!(text.is_char_boundary(completion.range.start));
        }
    }
}
