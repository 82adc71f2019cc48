//! The line editor: history, completion, colours, and when Enter runs what is typed.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use ivsight::query::{WordKind, words};
use reedline::{
    Color, ColumnarMenu, Completer, CompletionResult, DefaultHinter, EditCommand, Emacs,
    FileBackedHistory, Highlighter, KeyCode, KeyModifiers, MenuBuilder, Prompt, PromptEditMode,
    PromptHistorySearch, PromptHistorySearchStatus, Reedline, ReedlineEvent, ReedlineMenu, Signal,
    Span, StyledText, Suggestion, ValidationResult, Validator, default_emacs_keybindings,
};

use super::super::error::Failure;
use super::completion::complete;
use super::is_complete;
use super::vocabulary::Vocabulary;

/// Entries that the history keeps.
const HISTORY_MAX: usize = 10_000;

const MENU: &str = "completion";

/// Reads what is typed.
pub(super) struct Editor {
    lines: Reedline,
}

impl Editor {
    /// With the words that mean something, a file for the history, and colours or none.
    pub(super) fn new(
        vocabulary: &Arc<Vocabulary>,
        history: Option<PathBuf>,
        has_color: bool,
    ) -> Result<Self, Failure> {
        let history = match history {
            Some(path) => FileBackedHistory::with_file(HISTORY_MAX, path),
            None => FileBackedHistory::new(HISTORY_MAX),
        };
        let history =
            history.map_err(|error| Failure::new("cannot read the history").because(error))?;
        let menu = ColumnarMenu::default().with_name(MENU);
        let mut lines = Reedline::create()
            .with_history(Box::new(history))
            // As shells do: what begins with a space is not kept.
            .with_history_exclusion_prefix(Some(" ".to_owned()))
            .with_validator(Box::new(Ending(Arc::clone(vocabulary))))
            .with_completer(Box::new(Words(Arc::clone(vocabulary))))
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_edit_mode(Box::new(Emacs::new(keys())))
            .with_ansi_colors(has_color)
            .use_bracketed_paste(true);
        if has_color {
            let hinter = DefaultHinter::default().with_style(Color::DarkGray.normal());
            lines = lines
                .with_hinter(Box::new(hinter))
                .with_highlighter(Box::new(Colours(Arc::clone(vocabulary))));
        } else {
            lines = lines.with_highlighter(Box::new(Plain));
        }
        Ok(Self { lines })
    }

    /// Puts a text before what is typed next.
    pub(super) fn keep(&mut self, text: &str) {
        self.lines.run_edit_commands(&[EditCommand::InsertString(text.to_owned())]);
    }

    /// The next statement or command, which is in the history then.
    pub(super) fn read(&mut self) -> Result<Signal, Failure> {
        let read = self.lines.read_line(&Sign);
        let read =
            read.map_err(|error| Failure::new("cannot read from the terminal").because(error))?;
        if let Err(error) = self.lines.sync_history() {
            tracing::warn!(%error, "cannot write the history");
        }
        Ok(read)
    }
}

fn keys() -> reedline::Keybindings {
    let mut keys = default_emacs_keybindings();
    let menu = ReedlineEvent::UntilFound(vec![
        ReedlineEvent::Menu(MENU.to_owned()),
        ReedlineEvent::MenuNext,
    ]);
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, menu);
    keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
    keys
}

/// What stands before the lines.
struct Sign;

impl Prompt for Sign {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed("ivsight")
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _mode: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("> ")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("      -> ")
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let failing = match search.status {
            PromptHistorySearchStatus::Passing => "",
            PromptHistorySearchStatus::Failing => "nothing ",
        };
        Cow::Owned(format!(" ({failing}earlier with `{}`) ", search.term))
    }
}

/// Enter runs what is whole, and begins a line else.
struct Ending(Arc<Vocabulary>);

impl Validator for Ending {
    fn validate(&self, text: &str) -> ValidationResult {
        if is_complete(text, &self.0) {
            ValidationResult::Complete
        } else {
            ValidationResult::Incomplete
        }
    }
}

/// What could be meant.
struct Words(Arc<Vocabulary>);

impl Completer for Words {
    fn complete(&mut self, text: &str, at: usize) -> CompletionResult {
        let completion = complete(text, at, &self.0);
        let span = Span::new(completion.range.start, completion.range.end);
        let suggestions: Vec<Suggestion> = completion
            .candidates
            .into_iter()
            .map(|candidate| Suggestion {
                value: candidate.value,
                description: Some(candidate.help).filter(|help| !help.is_empty()),
                append_whitespace: candidate.is_ended,
                span,
                ..Suggestion::default()
            })
            .collect();
        CompletionResult::fresh(suggestions)
    }
}

/// Colours for what words are.
struct Colours(Arc<Vocabulary>);

impl Highlighter for Colours {
    fn highlight(&self, text: &str, _cursor: usize) -> StyledText {
        let plain = Color::Default.normal();
        let mut styled = StyledText::new();
        for word in words(text) {
            let part = &text[word.range];
            let style = match word.kind {
                WordKind::Name if Vocabulary::is_keyword(part) => Color::Blue.bold(),
                WordKind::Name if self.0.relations.contains_key(part) => Color::Cyan.normal(),
                WordKind::Text => Color::Green.normal(),
                WordKind::Number => Color::Magenta.normal(),
                WordKind::Parameter => Color::Yellow.normal(),
                WordKind::Comment => Color::DarkGray.normal(),
                WordKind::Unclosed => Color::LightRed.normal(),
                _ => plain,
            };
            styled.push((style, part.to_owned()));
        }
        styled
    }
}

/// No colours.
struct Plain;

impl Highlighter for Plain {
    fn highlight(&self, text: &str, _cursor: usize) -> StyledText {
        let mut styled = StyledText::new();
        styled.push((Color::Default.normal(), text.to_owned()));
        styled
    }
}
