//! What is asked for, and the constraints of the service's model.

use serde_json::{Map, Value};

use super::{Operation, Refusal};
use crate::model::TextMap;
use crate::sim::draw;

/// A request that satisfies the model.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sim) struct Request {
    pub(in crate::sim) operation: Operation,
    /// Empty for ListStages; of a replication the source.
    pub(in crate::sim) stage_arn: String,
    /// Empty where the operation takes none.
    pub(in crate::sim) destination_stage_arn: String,
    /// Empty where the operation takes none.
    pub(in crate::sim) session_id: String,
    /// Empty where the operation takes none.
    pub(in crate::sim) participant_id: String,
    /// 0 where the operation takes none.
    pub(in crate::sim) reconnect_window_seconds: i64,
    /// Empty where the operation takes none.
    pub(in crate::sim) attributes: TextMap,
    pub(in crate::sim) filter: Option<Filter>,
    pub(in crate::sim) next_token: Option<String>,
    /// Items on a page.
    pub(in crate::sim) page_size: usize,
}

/// Which participants are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Filter {
    UserId(String),
    Published(bool),
    State(String),
    RecordingState(String),
}

const PAGE_SIZE_DEFAULT: usize = 50;
/// Longest reconnect window, in seconds.
const RECONNECT_WINDOW_MAX: i64 = 300;
/// Most bytes of all attributes together.
const ATTRIBUTES_BYTES_MAX: usize = 1024;
const STATES: &[&str] = &["CONNECTED", "DISCONNECTED"];
/// The filter's own enumeration, which lacks DISABLED.
const RECORDING_STATES: &[&str] = &["STARTING", "ACTIVE", "STOPPING", "STOPPED", "FAILED"];

impl Request {
    /// Reads a request and checks it. All that is wrong is told at once.
    pub(in crate::sim) fn parse(operation: Operation, body: &[u8]) -> Result<Self, Refusal> {
        let mut form = Form::read(body)?;
        let mut request = Self {
            operation,
            stage_arn: String::new(),
            destination_stage_arn: String::new(),
            session_id: String::new(),
            participant_id: String::new(),
            reconnect_window_seconds: 0,
            attributes: TextMap::new(),
            filter: None,
            next_token: None,
            page_size: PAGE_SIZE_DEFAULT,
        };
        request.read_names(&mut form);
        if operation == Operation::ListParticipants {
            request.filter = form.filter();
        }
        if let Some(max) = operation.page_size_max() {
            request.page_size = form.page_size(max);
            request.next_token =
                form.optional("nextToken", &TOKEN).filter(|token| !token.is_empty());
        }
        form.finish().map(|()| request)
    }

    fn read_names(&mut self, form: &mut Form) {
        match self.operation {
            Operation::ListStages => {}
            Operation::GetStage => self.stage_arn = form.required("arn", &STAGE_ARN),
            Operation::ListParticipantReplicas => {
                self.stage_arn = form.required("sourceStageArn", &STAGE_ARN);
                self.participant_id = form.required("participantId", &PARTICIPANT_ID);
            }
            Operation::StartParticipantReplication => {
                self.read_route(form);
                self.reconnect_window_seconds =
                    form.integer("reconnectWindowSeconds", 0, RECONNECT_WINDOW_MAX).unwrap_or(0);
                self.attributes = form.text_map("attributes", ATTRIBUTES_BYTES_MAX);
            }
            Operation::StopParticipantReplication => self.read_route(form),
            _ => self.stage_arn = form.required("stageArn", &STAGE_ARN),
        }
        if matches!(
            self.operation,
            Operation::GetStageSession
                | Operation::ListParticipants
                | Operation::GetParticipant
                | Operation::ListParticipantEvents
        ) {
            self.session_id = form.required("sessionId", &SESSION_ID);
        }
        if matches!(self.operation, Operation::GetParticipant | Operation::ListParticipantEvents) {
            self.participant_id = form.required("participantId", &PARTICIPANT_ID);
        }
    }

    fn read_route(&mut self, form: &mut Form) {
        self.stage_arn = form.required("sourceStageArn", &STAGE_ARN);
        self.destination_stage_arn = form.required("destinationStageArn", &STAGE_ARN);
        self.participant_id = form.required("participantId", &PARTICIPANT_ID);
        if !self.stage_arn.is_empty() && self.stage_arn == self.destination_stage_arn {
            form.complaints.push("The source and destination stages must differ".to_owned());
        }
    }

    /// Stands for all of the request but its token and page size: what a token is bound to.
    pub(in crate::sim) fn fingerprint(&self) -> u64 {
        let (kind, value) = match &self.filter {
            None => ("", ""),
            Some(Filter::UserId(text)) => ("user", text.as_str()),
            Some(Filter::Published(true)) => ("published", "true"),
            Some(Filter::Published(false)) => ("published", "false"),
            Some(Filter::State(text)) => ("state", text.as_str()),
            Some(Filter::RecordingState(text)) => ("recording", text.as_str()),
        };
        draw::key(&[
            self.operation.as_str(),
            &self.stage_arn,
            &self.session_id,
            &self.participant_id,
            kind,
            value,
        ])
    }
}

/// What the model says of a text.
struct Constraint {
    length_min: usize,
    length_max: usize,
    pattern: &'static str,
    matches: fn(&str) -> bool,
}

const STAGE_ARN: Constraint = Constraint {
    length_min: 1,
    length_max: 128,
    pattern: "arn:aws:ivs:[a-z0-9-]+:[0-9]+:stage/[a-zA-Z0-9-]+",
    matches: is_stage_arn,
};
const SESSION_ID: Constraint = Constraint {
    length_min: 16,
    length_max: 16,
    pattern: "st-[a-zA-Z0-9]+",
    matches: |text| text.strip_prefix("st-").is_some_and(|id| made_of(id, "")),
};
const PARTICIPANT_ID: Constraint = Constraint {
    length_min: 0,
    length_max: 64,
    pattern: "[a-zA-Z0-9-_]*",
    matches: |text| text.is_empty() || made_of(text, "-_"),
};
const TOKEN: Constraint = Constraint {
    length_min: 0,
    length_max: 1024,
    pattern: "[a-zA-Z0-9+/=_-]*",
    matches: |text| text.is_empty() || made_of(text, "+/=_-"),
};
const USER_ID: Constraint =
    Constraint { length_min: 0, length_max: 128, pattern: ".*", matches: |_| true };

fn is_stage_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let [arn, partition, service, region, account, resource] = parts[..] else { return false };
    (arn, partition, service) == ("arn", "aws", "ivs")
        && !region.is_empty()
        && region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !account.is_empty()
        && account.chars().all(|c| c.is_ascii_digit())
        && resource.strip_prefix("stage/").is_some_and(|id| made_of(id, "-"))
}

fn made_of(text: &str, besides: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || besides.contains(c))
}

/// The members of a request, and what was found wrong with them.
struct Form {
    members: Map<String, Value>,
    complaints: Vec<String>,
}

impl Form {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        // SDKs send `{}` for a request without members; a body of no bytes means the same.
        let value = if body.is_empty() {
            Ok(Value::Object(Map::new()))
        } else {
            serde_json::from_slice(body)
        };
        match value {
            Ok(Value::Object(members)) => Ok(Self { members, complaints: Vec::new() }),
            _ => Err(Refusal::Validation("The request body is not a JSON object".to_owned())),
        }
    }

    fn finish(self) -> Result<(), Refusal> {
        let count = self.complaints.len();
        if count == 0 {
            return Ok(());
        }
        let noun = if count == 1 { "error" } else { "errors" };
        let complaints = self.complaints.join("; ");
        Err(Refusal::Validation(format!("{count} validation {noun} detected: {complaints}")))
    }

    fn complain(&mut self, value: &str, name: &str, constraint: &str) {
        self.complaints.push(format!(
            "Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"
        ));
    }

    fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn required(&mut self, name: &str, constraint: &Constraint) -> String {
        if self.member(name).is_none() {
            self.complaints.push(format!(
                "Value at '{name}' failed to satisfy constraint: Member must not be null"
            ));
        }
        self.optional(name, constraint).unwrap_or_default()
    }

    fn optional(&mut self, name: &str, constraint: &Constraint) -> Option<String> {
        let value = self.member(name)?.clone();
        let Value::String(text) = value else {
            self.complain(&value.to_string(), name, "Member must be a string");
            return None;
        };
        let length = text.chars().count();
        if length < constraint.length_min {
            let rule = format!(
                "Member must have length greater than or equal to {}",
                constraint.length_min
            );
            self.complain(&text, name, &rule);
        } else if length > constraint.length_max {
            let rule =
                format!("Member must have length less than or equal to {}", constraint.length_max);
            self.complain(&text, name, &rule);
        }
        if !(constraint.matches)(&text) {
            let rule =
                format!("Member must satisfy regular expression pattern: {}", constraint.pattern);
            self.complain(&text, name, &rule);
        }
        Some(text)
    }

    fn choice(&mut self, name: &str, choices: &[&str]) -> Option<String> {
        let text = match self.member(name)? {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if !choices.contains(&text.as_str()) {
            let rule = format!("Member must satisfy enum value set: [{}]", choices.join(", "));
            self.complain(&text, name, &rule);
        }
        Some(text)
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.member(name)?.clone();
        if value.as_bool().is_none() {
            self.complain(&value.to_string(), name, "Member must be a boolean");
        }
        value.as_bool()
    }

    fn page_size(&mut self, max: usize) -> usize {
        let Some(value) = self.member("maxResults").cloned() else {
            return PAGE_SIZE_DEFAULT.min(max);
        };
        let asked = value.as_i64();
        let rule = match asked {
            None => "Member must be an integer".to_owned(),
            Some(count) if count < 1 => {
                "Member must have value greater than or equal to 1".to_owned()
            }
            Some(_) => format!("Member must have value less than or equal to {max}"),
        };
        match asked.and_then(|count| usize::try_from(count).ok()) {
            Some(count) if (1..=max).contains(&count) => count,
            _ => {
                self.complain(&value.to_string(), "maxResults", &rule);
                max
            }
        }
    }

    fn integer(&mut self, name: &str, min: i64, max: i64) -> Option<i64> {
        let value = self.member(name)?.clone();
        let rule = match value.as_i64() {
            Some(number) if (min..=max).contains(&number) => return Some(number),
            Some(number) if number < min => {
                format!("Member must have value greater than or equal to {min}")
            }
            Some(_) => format!("Member must have value less than or equal to {max}"),
            None => "Member must be an integer".to_owned(),
        };
        self.complain(&value.to_string(), name, &rule);
        None
    }

    fn text_map(&mut self, name: &str, bytes_max: usize) -> TextMap {
        let Some(value) = self.member(name).cloned() else { return TextMap::new() };
        let pairs = value.as_object().map(|members| {
            let pair =
                |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.into()));
            members.iter().map(pair).collect::<Option<TextMap>>()
        });
        let Some(Some(map)) = pairs else {
            self.complain(&value.to_string(), name, "Member must be a map of strings");
            return TextMap::new();
        };
        let bytes: usize = map.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > bytes_max {
            let rule = format!("Member must have a total size less than or equal to {bytes_max}");
            self.complain(&format!("{bytes} bytes"), name, &rule);
        }
        map
    }

    fn filter(&mut self) -> Option<Filter> {
        let filters: Vec<Filter> = [
            self.optional("filterByUserId", &USER_ID).map(Filter::UserId),
            self.flag("filterByPublished").map(Filter::Published),
            self.choice("filterByState", STATES).map(Filter::State),
            self.choice("filterByRecordingState", RECORDING_STATES).map(Filter::RecordingState),
        ]
        .into_iter()
        .flatten()
        .collect();
        if filters.len() > 1 {
            self.complaints.push(
                "Only one of filterByUserId, filterByPublished, filterByState, or \
                 filterByRecordingState can be provided per request"
                    .to_owned(),
            );
        }
        filters.into_iter().next()
    }
}

#[cfg(test)]
mod tests;
