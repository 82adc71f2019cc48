//! SQL text to words and pieces, for editors: where a statement ends, and whether more of it has to come.
//!
//! The words are those of the parser's own tokenizer, so that both agree on what a text or a comment is.

use std::ops::Range;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{
    Location, Token, TokenWithSpan, Tokenizer, TokenizerError, Whitespace,
};

/// A word of SQL. The words of a text lie end to end, and cover all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What it is.
    pub kind: WordKind,
    /// Where it stands, in bytes.
    pub range: Range<usize>,
}

/// What a word of SQL can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordKind {
    /// A keyword, or the name of something.
    Name,
    /// A name in quotation marks.
    Quoted,
    /// A text in quotation marks.
    Text,
    /// A number.
    Number,
    /// `$name`.
    Parameter,
    /// A comment.
    Comment,
    /// Spaces, tabs and ends of lines.
    Space,
    /// `;`
    End,
    /// Anything else.
    Sign,
    /// A text, name or comment that goes on to the end and is not closed there.
    Unclosed,
    /// What can't be read, to the end.
    Unreadable,
}

/// A part of what somebody typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A statement without its `;`.
    Statement {
        /// Its text, without the space and the comments around it.
        text: &'a str,
        /// Where it begins, in bytes.
        start: usize,
        /// Whether its `;` is there.
        is_ended: bool,
    },
    /// A line that begins with `\`, or with `.` and a letter, where a statement could begin: for the prompt itself.
    Command {
        /// The line.
        text: &'a str,
        /// Where it begins, in bytes.
        start: usize,
    },
}

/// The words of a text.
#[must_use]
pub fn words(text: &str) -> Vec<Word> {
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    let read =
        Tokenizer::new(&GenericDialect {}, text).tokenize_with_location_into_buf(&mut tokens);
    let mut cursor = Cursor { text, line: 1, column: 1, offset: 0 };
    let mut words: Vec<Word> = Vec::with_capacity(tokens.len() + 1);
    for token in &tokens {
        let start = cursor.offset;
        let end = cursor.advance(token.span.end);
        words.push(Word { kind: kind(&token.token), range: start..end });
    }
    if let Err(error) = read {
        words.push(Word { kind: unread(&error), range: cursor.offset..text.len() });
    }
    words.retain(|word| !word.range.is_empty());
    words
}

/// The statements and commands of a text, in order.
#[must_use]
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut from = 0;
    while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
        from += read_pieces(rest, from, &mut pieces);
    }
    pieces
}

/// Whether nothing more has to come: every statement has its `;`, and nothing is left open.
#[must_use]
pub fn is_whole(text: &str) -> bool {
    match pieces(text).last() {
        Some(Piece::Statement { is_ended, .. }) => *is_ended,
        Some(Piece::Command { .. }) => true,
        None => !words(text).iter().any(|word| word.kind == WordKind::Unclosed),
    }
}

/// Where the last line begins, if it is a command that was typed before the statement above it had its `;`. Lines that
/// begin with a dot are none: a name may go on there.
#[must_use]
pub fn command_amid(text: &str) -> Option<usize> {
    let line = text.trim_end().rfind('\n')? + 1;
    let command = line + text[line..].find(|c: char| !c.is_whitespace())?;
    let is_word = words(text).iter().any(|word| word.range.start == command);
    let is_amid =
        matches!(pieces(&text[..line]).last(), Some(Piece::Statement { is_ended: false, .. }));
    (is_word && is_amid && text[command..].starts_with('\\')).then_some(line)
}

/// Reads statements up to a command, which is no SQL; after it the words are counted anew. Gives what was read, in bytes.
fn read_pieces<'a>(text: &'a str, offset: usize, pieces: &mut Vec<Piece<'a>>) -> usize {
    let mut open: Option<Range<usize>> = None;
    for Word { kind, range } in words(text) {
        match kind {
            WordKind::Space | WordKind::Comment => {}
            WordKind::End => {
                if let Some(open) = open.take() {
                    let (start, text) = (offset + open.start, &text[open]);
                    pieces.push(Piece::Statement { text, start, is_ended: true });
                }
            }
            _ => match &mut open {
                Some(open) => open.end = range.end,
                None if is_command(&text[range.start..]) => {
                    let line = text[range.start..].lines().next().unwrap_or_default();
                    let (start, text) = (offset + range.start, line.trim_end());
                    pieces.push(Piece::Command { text, start });
                    return range.start + line.len();
                }
                // A comment alone needs no end, unless it is open itself.
                None if kind == WordKind::Unclosed && text[range.clone()].starts_with("/*") => {}
                None => open = Some(range),
            },
        }
    }
    if let Some(open) = open {
        let (start, text) = (offset + open.start, &text[open]);
        pieces.push(Piece::Statement { text, start, is_ended: false });
    }
    text.len()
}

fn is_command(text: &str) -> bool {
    let mut characters = text.chars();
    match characters.next() {
        Some('\\') => true,
        Some('.') => characters.next().is_some_and(|c| c.is_ascii_alphabetic()),
        _ => false,
    }
}

fn kind(token: &Token) -> WordKind {
    match token {
        Token::Word(word) if word.quote_style.is_some() => WordKind::Quoted,
        Token::Word(_) => WordKind::Name,
        Token::Number(_, _) => WordKind::Number,
        Token::Placeholder(_) => WordKind::Parameter,
        Token::SemiColon => WordKind::End,
        Token::Whitespace(
            Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
        ) => WordKind::Comment,
        Token::Whitespace(_) => WordKind::Space,
        Token::SingleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::SingleQuotedRawStringLiteral(_)
        | Token::HexStringLiteral(_) => WordKind::Text,
        _ => WordKind::Sign,
    }
}

/// The tokenizer tells what it misses in words alone.
fn unread(error: &TokenizerError) -> WordKind {
    if error.message.contains("nterminated") || error.message.contains("EOF") {
        WordKind::Unclosed
    } else {
        WordKind::Unreadable
    }
}

/// Goes along a text, and counts as the tokenizer does.
struct Cursor<'a> {
    text: &'a str,
    line: u64,
    column: u64,
    offset: usize,
}

impl Cursor<'_> {
    /// Goes on to a place, and gives its offset.
    fn advance(&mut self, to: Location) -> usize {
        for c in self.text[self.offset..].chars() {
            if (self.line, self.column) >= (to.line, to.column) {
                break;
            }
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
            self.offset += c.len_utf8();
        }
        self.offset
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::Script;

    fn kinds(text: &str) -> Vec<(WordKind, &str)> {
        words(text)
            .into_iter()
            .filter(|word| word.kind != WordKind::Space)
            .map(|word| (word.kind, &text[word.range]))
            .collect()
    }

    fn statements(text: &str) -> Vec<&str> {
        pieces(text)
            .into_iter()
            .map(|piece| match piece {
                Piece::Statement { text, .. } | Piece::Command { text, .. } => text,
            })
            .collect()
    }

    #[test]
    fn words_are_what_the_parser_takes_them_for() {
        use WordKind::{Comment, End, Name, Number, Parameter, Quoted, Sign, Text, Unclosed};
        assert_eq!(
            kinds("select \"a b\", 'it''s', 1.5, $x -- ü;\n/* ; */;"),
            [
                (Name, "select"),
                (Quoted, "\"a b\""),
                (Sign, ","),
                (Text, "'it''s'"),
                (Sign, ","),
                (Number, "1.5"),
                (Sign, ","),
                (Parameter, "$x"),
                (Comment, "-- ü;\n"),
                (Comment, "/* ; */"),
                (End, ";"),
            ]
        );
        assert_eq!(kinds("select 'ü; --"), [(Name, "select"), (Unclosed, "'ü; --")]);
        assert_eq!(kinds("/* a"), [(Unclosed, "/* a")]);
    }

    #[test]
    fn a_statement_ends_where_its_semicolon_is_no_text() {
        assert_eq!(
            statements("select ';'; -- ;\n select \";\" /* ; */ ;select $$;$$"),
            ["select ';'", "select \";\"", "select $$;$$"]
        );
        assert_eq!(statements(" ;; -- nothing\n"), Vec::<&str>::new());
    }

    #[test]
    fn a_command_is_a_line_where_a_statement_could_begin() {
        let text = "\\d events\nselect 1 \\ 2;\n-- look\n  .mode csv  \n\\i it's.sql\nselect .5;";
        assert_eq!(
            statements(text),
            ["\\d events", "select 1 \\ 2", ".mode csv", "\\i it's.sql", "select .5"]
        );
        assert!(matches!(pieces(".5;")[0], Piece::Statement { .. }));
        for piece in pieces(text) {
            let (Piece::Statement { text: part, start, .. } | Piece::Command { text: part, start }) =
                piece;
            assert!(text[start..].starts_with(part));
        }
    }

    #[test]
    fn more_has_to_come_until_everything_is_closed() {
        for text in ["", " ", "-- done", "select 1;", "\\d", ".help", "select 1; -- done", "a;\\q"]
        {
            assert!(is_whole(text), "{text}");
        }
        for text in ["select 1", "select ';", "/* ;", "select 1; select", "select \";", "a;\\x\nb"]
        {
            assert!(!is_whole(text), "{text}");
        }
    }

    #[test]
    fn a_command_amid_a_statement_is_the_last_line_alone() {
        for (text, command) in [
            ("select 1\n\\q", "\\q"),
            ("select 1\n  \\x\n", "  \\x\n"),
            ("\\x\nselect 1;\nselect 'a\nb',\n\\d events", "\\d events"),
        ] {
            assert_eq!(command_amid(text).map(|at| &text[at..]), Some(command), "{text}");
        }
        for text in [
            "",
            "\\q",
            "select 1 \\q",
            "select 1;\n\\q",
            "select '\n\\q",
            "select 1 /*\n\\q",
            "select 1\n\\q\n, 2",
            "select s\n.quit",
        ] {
            assert_eq!(command_amid(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_covered_by_its_words(text in "(\\PC|[\\n\\t'\"$;/*\\\\.-]){0,60}") {
            let mut end = 0;
            for word in words(&text) {
                prop_assert_eq!(word.range.start, end);
                end = word.range.end;
            }
            prop_assert_eq!(end, text.len());
            let _ = (is_whole(&text), command_amid(&text));
        }

        #[test]
        fn as_many_statements_as_the_parser_sees(
            parts in prop::collection::vec("('([a;\\n-]|'')*'|\"[a;]+\"|/\\*[a;]*\\*/ 1|[0-9]{1,5}|--[a; ]*\\n2)", 1..6)
        ) {
            let lines: Vec<String> = parts.iter().map(|part| format!("select {part};\n")).collect();
            let text = lines.concat();
            let parsed = Script::parse(&text).unwrap();
            prop_assert_eq!(pieces(&text).len(), parsed.statements().len());
            prop_assert_eq!(pieces(&text).len(), parts.len());
            prop_assert!(is_whole(&text));
            // What was typed so far is never taken for more than it is.
            let without_end = text.trim_end().trim_end_matches(';');
            prop_assert!(!is_whole(without_end));
        }
    }
}
