//! JSON objects with the service's member names. What is absent is left out; what is empty is written.

use chrono::SecondsFormat;
use serde_json::{Map, Value};

use crate::model::{TextMap, Timestamp};

/// The members of an object.
#[derive(Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn text(self, name: &str, text: Option<&str>) -> Self {
        self.value(name, text.map(Value::from))
    }

    pub(super) fn flag(self, name: &str, flag: Option<bool>) -> Self {
        self.value(name, flag.map(Value::from))
    }

    /// A time in ISO 8601 with `Z`, and with a fraction only where there is one.
    pub(super) fn time(self, name: &str, time: Option<Timestamp>) -> Self {
        let text = time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        self.value(name, text.map(Value::from))
    }

    pub(super) fn texts(self, name: &str, texts: Option<&[String]>) -> Self {
        self.value(name, texts.map(Value::from))
    }

    pub(super) fn map(self, name: &str, map: Option<&TextMap>) -> Self {
        let object =
            map.map(|map| map.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect());
        self.value(name, object.map(Value::Object))
    }

    pub(super) fn value(mut self, name: &str, value: Option<Value>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    pub(super) fn done(self) -> Value {
        Value::Object(self.0)
    }
}
