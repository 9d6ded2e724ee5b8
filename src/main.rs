//! The `quintain` program; everything is in the library.

fn main() -> std::process::ExitCode {
    quintain::cli::main()
}
