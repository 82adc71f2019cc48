//! The rule against answers made by hand, against what must hold for any events, and against the truth.

mod accuracy;
mod bed;
mod fixtures;
mod kinds;
mod properties;
mod users;
