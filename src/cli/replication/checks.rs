//! What the service's model says of a request, before a call is made for it.

use ivsight::model::{ParticipantId, ReplicationRoute, StageArn, TextMap};

use super::args::Route;
use crate::cli::error::Failure;

/// Longest ARN, in characters.
const ARN_LENGTH_MAX: usize = 128;
/// Longest participant id, in characters.
const PARTICIPANT_LENGTH_MAX: usize = 64;
/// Most bytes of all attributes together.
const ATTRIBUTES_BYTES_MAX: usize = 1_024;

/// Who is to be replicated from where to where.
pub(super) fn route(given: &Route) -> Result<ReplicationRoute, Failure> {
    let route = ReplicationRoute {
        source_stage_arn: stage(&given.source_stage)?,
        destination_stage_arn: stage(&given.destination_stage)?,
        participant_id: participant(&given.participant)?,
    };
    if route.source_stage_arn == route.destination_stage_arn {
        return Err(Failure::new("the source and the destination are the same stage").usage());
    }
    Ok(route)
}

pub(super) fn stage(text: &str) -> Result<StageArn, Failure> {
    let hint = Some("give `arn:aws:ivs:REGION:ACCOUNT:stage/ID`");
    if text.len() > ARN_LENGTH_MAX {
        let what = format!("a stage's ARN has at most {ARN_LENGTH_MAX} characters");
        return Err(Failure::new(what).hint(hint).usage());
    }
    StageArn::parse(text).map_err(|error| Failure::of(&error).hint(hint).usage())
}

pub(super) fn participant(text: &str) -> Result<ParticipantId, Failure> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    ParticipantId::new(text)
        .ok()
        .filter(|_| text.len() <= PARTICIPANT_LENGTH_MAX && text.chars().all(allowed))
        .ok_or_else(|| {
            Failure::new(format!("`{text}` is not a participant's id"))
                .hint(Some("it has 1 to 64 letters, digits, `-` and `_`"))
                .usage()
        })
}

pub(super) fn attributes(given: &[String]) -> Result<TextMap, Failure> {
    let mut attributes = TextMap::new();
    for text in given {
        let (key, value) =
            text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(|| {
                Failure::new(format!("`{text}` is not an attribute"))
                    .hint(Some("give `--attribute KEY=VALUE`"))
                    .usage()
            })?;
        if attributes.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Failure::new(format!("the attribute `{key}` is given twice")).usage());
        }
    }
    let bytes: usize = attributes.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > ATTRIBUTES_BYTES_MAX {
        let what = format!(
            "the attributes have {bytes} bytes, and the service takes {ATTRIBUTES_BYTES_MAX}"
        );
        return Err(Failure::new(what).usage());
    }
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Exit;

    fn refused<T>(checked: Result<T, Failure>) -> String {
        let failure = checked.err().expect("it is refused");
        assert_eq!(failure.exit(), Exit::Usage);
        failure.lines().remove(0)
    }

    fn arn(id: &str) -> String {
        format!("arn:aws:ivs:us-west-2:111122223333:stage/{id}")
    }

    #[test]
    fn what_the_model_refuses_is_refused_before_a_call() {
        assert!(refused(stage("my-stage")).contains("not the ARN of a stage"));
        assert!(refused(stage(&arn(&"x".repeat(100)))).contains("at most 128"));
        for id in ["", "a b", "é", &"x".repeat(65)] {
            assert!(refused(participant(id)).contains("is not a participant's id"), "{id}");
        }
        let same = Route {
            source_stage: arn("a"),
            destination_stage: arn("a"),
            participant: "p".to_owned(),
        };
        assert!(refused(route(&same)).contains("the same stage"));
    }

    #[test]
    fn attributes_are_measured_in_bytes_all_together() {
        let fit = ["k=".to_owned() + &"x".repeat(1_023)];
        assert_eq!(attributes(&fit).ok().map(|map| map["k"].len()), Some(1_023));
        let wide = ["k=".to_owned() + &"é".repeat(512)];
        assert!(refused(attributes(&wide)).contains("1025 bytes"));
        assert!(refused(attributes(&["k".to_owned()])).contains("not an attribute"));
        assert!(refused(attributes(&["=v".to_owned()])).contains("not an attribute"));
        let twice = ["k=1".to_owned(), "k=2".to_owned()];
        assert!(refused(attributes(&twice)).contains("given twice"));
        assert_eq!(
            attributes(&["k=a=b".to_owned()]).ok().map(|map| map["k"].clone()).as_deref(),
            Some("a=b")
        );
    }
}
