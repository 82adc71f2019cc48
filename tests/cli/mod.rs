//! Tests of the command line: the program as a process.

mod config;
mod mistakes;
mod query;
mod sample;
mod status;
mod verdicts;
