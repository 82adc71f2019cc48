//! Tests of the command line: the program as a process.

mod config;
mod elsewhere;
mod mistakes;
mod own_queries;
mod query;
mod reading;
mod sample;
mod scripts;
mod status;
mod verdicts;
