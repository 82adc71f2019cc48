//! What a person sees when something fails: what, why, and the next step.

use std::error::Error;

use super::Exit;

/// A failure on its way to stderr.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    causes: Vec<String>,
    hint: Option<String>,
    exit: Exit,
    closed_pipe: bool,
}

impl Failure {
    /// What failed: lower case, no final period.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            causes: Vec::new(),
            hint: None,
            exit: Exit::Failed,
            closed_pipe: false,
        }
    }

    /// An error with its chain of causes.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut failure = Self::new(error.to_string());
        failure.add_causes(error.source());
        failure.closed_pipe = is_closed_pipe(error);
        failure
    }

    /// Why: an error and its causes.
    pub(crate) fn because(mut self, error: impl Error + 'static) -> Self {
        self.closed_pipe = is_closed_pipe(&error);
        self.add_causes(Some(&error));
        self
    }

    /// Why, in words.
    pub(crate) fn because_of(mut self, cause: String) -> Self {
        self.causes.push(cause);
        self
    }

    /// The same, as the cause of something larger.
    pub(crate) fn within(mut self, what: impl Into<String>) -> Self {
        let cause = std::mem::replace(&mut self.what, what.into());
        self.causes.insert(0, cause);
        self
    }

    /// The next step.
    pub(crate) fn hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into).or(self.hint);
        self
    }

    /// It was the command line.
    pub(crate) fn usage(mut self) -> Self {
        self.exit = Exit::Usage;
        self
    }

    /// Somebody else holds a scope of the lake.
    fn locked(mut self) -> Self {
        self.exit = Exit::Locked;
        self
    }

    /// The exit code that it means.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Whoever reads stdout went away.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.closed_pipe
    }

    /// The lines that are printed.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("error: {}", self.what)];
        lines.extend(self.causes.iter().map(|cause| format!("  caused by: {cause}")));
        lines.extend(self.hint.iter().map(|hint| format!("hint: {hint}")));
        lines
    }

    /// Libraries repeat their cause in their own text; what was said already is not said again.
    fn add_causes(&mut self, mut cause: Option<&(dyn Error + 'static)>) {
        while let Some(error) = cause {
            let text = plain(error.to_string());
            let said = self.causes.last().unwrap_or(&self.what);
            if !said.contains(&text) {
                self.causes.push(text);
            }
            cause = error.source();
        }
    }
}

/// What S3 says is XML, in the middle of how it was asked.
fn plain(text: String) -> String {
    let between = |from: &str, to: &str| Some(text.split_once(from)?.1.split_once(to)?.0);
    match (between("<Code>", "</Code>"), between("<Message>", "</Message>")) {
        (Some(code), Some(message)) if code != message => format!("{code}: {message}"),
        (Some(code), _) => code.to_owned(),
        (None, _) => text,
    }
}

fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if kind == Some(std::io::ErrorKind::BrokenPipe) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The lake's own word on what to do, where the lake is at the bottom of it.
fn lake_hint(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<ivsight::lake::LakeError>() {
            return error.hint();
        }
        cause = error.source();
    }
    None
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::of(&error)
    }
}

impl From<ivsight::lake::LakeError> for Failure {
    fn from(error: ivsight::lake::LakeError) -> Self {
        use ivsight::lake::{LakeError, lock::LockError};
        let failure = Self::of(&error).hint(error.hint());
        let is_held = matches!(error, LakeError::Lock(LockError::Held { .. }));
        if is_held { failure.locked() } else { failure }
    }
}

impl From<ivsight::query::Error> for Failure {
    fn from(error: ivsight::query::Error) -> Self {
        let failure = Self::of(&error).hint(lake_hint(&error).or_else(|| error.hint()));
        if error.is_usage() { failure.usage() } else { failure }
    }
}

impl From<ivsight::api::ConnectError> for Failure {
    fn from(error: ivsight::api::ConnectError) -> Self {
        use ivsight::api::ConnectError as E;
        let usage = matches!(error, E::EndpointUrl { .. } | E::RegionName { .. } | E::Tps { .. });
        let failure = Self::of(&error).hint(Some(error.hint()));
        if usage { failure.usage() } else { failure }
    }
}
