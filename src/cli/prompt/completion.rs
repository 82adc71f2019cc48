//! What could be meant by what is typed so far. It knows words and no terminal.

use std::ops::Range;

use ivsight::query::{Piece, Word, WordKind, pieces, words};
use ivsight::render::Format;

use super::command::{self, FORMS};
use super::vocabulary::{KEYWORDS, Vocabulary};

/// A word that could stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// What would be typed.
    pub(super) value: String,
    /// What it is, for a person.
    pub(super) help: String,
    /// Whether a space follows.
    pub(super) is_ended: bool,
}

/// What could be meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Completion {
    /// What is replaced, in bytes.
    pub(super) range: Range<usize>,
    /// The words, best first.
    pub(super) candidates: Vec<Candidate>,
}

/// What could stand at a place of a text, in bytes.
pub(super) fn complete(text: &str, at: usize, vocabulary: &Vocabulary) -> Completion {
    let before = text.get(..at).unwrap_or(text);
    match pieces(before).last() {
        Some(Piece::Command { text: line, start }) if start + line.len() <= before.len() => {
            complete_command(before, *start, vocabulary)
        }
        Some(Piece::Statement { text: line, start, .. })
            if line.split_whitespace().next().is_some_and(|name| vocabulary.is_query(name))
                && before.ends_with(|c: char| !c.is_whitespace() || c == ' ') =>
        {
            complete_run(before, *start, vocabulary)
        }
        _ => complete_sql(text, before, vocabulary),
    }
}

fn complete_command(before: &str, start: usize, vocabulary: &Vocabulary) -> Completion {
    let line = &before[start..];
    let Some(end) = line.find(char::is_whitespace) else {
        let names = FORMS.iter().flat_map(|form| {
            form.names.iter().map(|name| candidate(name, form.help, !form.arguments.is_empty()))
        });
        return Completion { range: start..before.len(), candidates: starting_with(line, names) };
    };
    let Some(form) = command::find(&line[..end]) else { return Completion::default() };
    let tables = || vocabulary.relations.keys().map(|name| candidate(name, "table or view", false));
    match form.names[0] {
        "\\d" => last_word(before, tables()),
        "\\df" => last_word(before, functions(vocabulary)),
        "\\queries" => last_word(before, queries(vocabulary)),
        "\\run" => complete_run(before, start + end, vocabulary),
        "\\format" => {
            let names = ["auto"].into_iter().chain(Format::ALL.map(Format::name));
            last_word(before, names.map(|name| candidate(name, "", false)))
        }
        "\\x" | "\\timing" => {
            last_word(before, ["on", "off"].into_iter().map(|it| candidate(it, "", false)))
        }
        _ => Completion::default(),
    }
}

/// The name of a canned query, its parameters, or a value that one of them may have.
fn complete_run(before: &str, start: usize, vocabulary: &Vocabulary) -> Completion {
    let given = before[start..].trim_start();
    let Some((name, _)) = given.split_once(char::is_whitespace) else {
        return last_word(before, queries(vocabulary));
    };
    let Some((_, taken)) = vocabulary.queries.get(name) else { return Completion::default() };
    let word = word_start(before);
    if let Some((name, _)) = before[word..].split_once('=') {
        let choices = taken.iter().filter(|it| it.name == name).flat_map(|it| &it.choices);
        let values = choices.map(|choice| candidate(&format!("{name}={choice}"), "", true));
        return last_word(before, values);
    }
    last_word(before, taken.iter().map(|it| candidate(&format!("{}=", it.name), &it.help, false)))
}

fn last_word(before: &str, all: impl Iterator<Item = Candidate>) -> Completion {
    let range = word_start(before)..before.len();
    let candidates = starting_with(&before[range.clone()], all);
    Completion { range, candidates }
}

fn word_start(before: &str) -> usize {
    before
        .rfind(char::is_whitespace)
        .map_or(0, |space| space + before[space..].chars().next().map_or(0, char::len_utf8))
}

fn complete_sql(text: &str, before: &str, vocabulary: &Vocabulary) -> Completion {
    let all = words(before);
    let (typed, start) = match all.last() {
        Some(Word { kind: WordKind::Name, range }) => (&before[range.clone()], range.start),
        Some(Word { kind: WordKind::Text | WordKind::Comment | WordKind::Unclosed, .. }) => {
            return Completion::default();
        }
        _ => ("", before.len()),
    };
    let earlier: Vec<&str> = all
        .iter()
        .filter(|word| word.range.end <= start)
        .filter(|word| !matches!(word.kind, WordKind::Space | WordKind::Comment))
        .map(|word| &before[word.range.clone()])
        .collect();
    let named = relations_of(text, before.len(), vocabulary);
    let candidates = match earlier.as_slice() {
        [.., table, "."] => {
            let columns = named.iter().filter(|it| it.is_called(table)).flat_map(columns_of);
            starting_with(typed, columns)
        }
        [.., last] if begins_relation(last) => starting_with(typed, relations(vocabulary)),
        _ if typed.is_empty() => Vec::new(),
        _ => starting_with(typed, anything(&named, vocabulary, typed, earlier.is_empty())),
    };
    Completion { range: start..before.len(), candidates }
}

fn begins_relation(word: &str) -> bool {
    ["FROM", "JOIN", "DESCRIBE", "TABLE", "INTO"].iter().any(|it| it.eq_ignore_ascii_case(word))
}

/// Columns of the tables that the statement names, then tables, functions and keywords; where nothing was typed before,
/// canned queries.
fn anything<'a>(
    named: &'a [Named<'a>],
    vocabulary: &'a Vocabulary,
    typed: &str,
    is_first: bool,
) -> impl Iterator<Item = Candidate> + use<'a> {
    let is_upper = typed.starts_with(|c: char| c.is_ascii_uppercase());
    let keywords = KEYWORDS.iter().map(move |word| {
        let word = if is_upper { (*word).to_owned() } else { word.to_ascii_lowercase() };
        Candidate { value: word, help: String::new(), is_ended: true }
    });
    let first = is_first.then(|| queries(vocabulary)).into_iter().flatten();
    let columns = named.iter().flat_map(columns_of);
    first.chain(columns).chain(relations(vocabulary)).chain(keywords).chain(functions(vocabulary))
}

/// A table or view that a statement names.
struct Named<'a> {
    name: &'a str,
    alias: Option<&'a str>,
    columns: &'a [String],
}

impl Named<'_> {
    fn is_called(&self, name: &str) -> bool {
        self.alias.unwrap_or(self.name).eq_ignore_ascii_case(name)
    }
}

/// The tables and views that the statement at a place names, on either side of it.
fn relations_of<'a>(text: &'a str, at: usize, vocabulary: &'a Vocabulary) -> Vec<Named<'a>> {
    let around = pieces(text).into_iter().find_map(|piece| match piece {
        Piece::Statement { text, start, .. } if start <= at && at <= start + text.len() + 1 => {
            Some(text)
        }
        _ => None,
    });
    let Some(statement) = around else { return Vec::new() };
    let names: Vec<&str> = words(statement)
        .into_iter()
        .filter(|word| !matches!(word.kind, WordKind::Space | WordKind::Comment))
        .map(|word| &statement[word.range])
        .collect();
    let mut found = Vec::new();
    for (index, name) in names.iter().copied().enumerate() {
        let Some(columns) = vocabulary.relations.get(name) else { continue };
        let mut next = names[index + 1..].iter().copied();
        let alias = match next.next() {
            Some(word) if word.eq_ignore_ascii_case("as") => next.next(),
            word => word,
        };
        let is_name = |word: &&str| {
            word.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && !Vocabulary::is_keyword(word)
        };
        found.push(Named { name, alias: alias.filter(is_name), columns });
    }
    found
}

fn columns_of<'a>(named: &'a Named<'_>) -> impl Iterator<Item = Candidate> + use<'a> {
    named.columns.iter().map(|column| candidate(column, named.name, false))
}

fn relations(vocabulary: &Vocabulary) -> impl Iterator<Item = Candidate> {
    vocabulary.relations.keys().map(|name| candidate(name, "table or view", true))
}

fn functions(vocabulary: &Vocabulary) -> impl Iterator<Item = Candidate> {
    vocabulary.functions.iter().map(|name| candidate(&format!("{name}("), "function", false))
}

fn queries(vocabulary: &Vocabulary) -> impl Iterator<Item = Candidate> {
    vocabulary.queries.iter().map(|(name, (title, _))| candidate(name, title, true))
}

fn candidate(value: &str, help: &str, is_ended: bool) -> Candidate {
    Candidate { value: value.to_owned(), help: help.to_owned(), is_ended }
}

/// Those that begin with what is typed, in either case, each once.
fn starting_with(typed: &str, all: impl Iterator<Item = Candidate>) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for candidate in all {
        let begins = candidate
            .value
            .get(..typed.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(typed));
        if begins && !found.iter().any(|other| other.value == candidate.value) {
            found.push(candidate);
        }
    }
    found
}

#[cfg(test)]
#[path = "completion/tests.rs"]
mod tests;
