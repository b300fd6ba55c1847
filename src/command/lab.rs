//! stub
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}
pub(super) fn run(_a: &Arguments) -> anyhow::Result<std::process::ExitCode> { unimplemented!() }
