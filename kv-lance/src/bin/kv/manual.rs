//! `kv completions` and `kv man`, made from the command line's own description.

use crate::args::{Args, Completions, Man};
use crate::failure::{Failure, Outcome};
use crate::output::Output;

pub(crate) fn completions(args: &Completions, out: &mut Output) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::complete_command(), "kv", &mut script);
    Ok(out.raw(&script)?)
}

pub(crate) fn pages(args: &Man, out: &mut Output) -> Outcome {
    let command = Args::complete_command();
    match &args.into {
        None => Ok(clap_mangen::Man::new(command).render(out.bytes())?),
        Some(folder) => {
            let failed = |e| Failure::File(format!("writing manual pages to {}: {e}", folder.display()));
            std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder)).map_err(failed)
        }
    }
}
