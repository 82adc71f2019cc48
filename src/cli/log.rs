//! Logs go to stderr. By default only what a person should know of.

use tracing_subscriber::EnvFilter;

use super::args::{Common, LogFormat, LogLevel};
use super::output::Output;

/// Starts logging as the options say.
pub(crate) fn start(common: &Common, output: &Output) {
    let level = match common.log_level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    // Libraries speak of their own worries; they are heard when somebody looks for a fault.
    let others = match common.log_level {
        LogLevel::Debug | LogLevel::Trace => "info",
        _ => "off",
    };
    let filter = EnvFilter::new(format!("{others},ivsight={level}"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output.has_color());
    match common.log_format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}
