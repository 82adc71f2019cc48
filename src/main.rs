//! The command line: the edge that holds the layers together, and the one place that prints.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
