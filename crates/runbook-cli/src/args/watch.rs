//! The arguments of `watch`.

use clap::{Args as ClapArgs, ValueHint};

#[derive(Debug, ClapArgs)]
pub(crate) struct Watch {
    /// The run: its name, a part of it, or `last`
    #[arg(default_value = "last", value_hint = ValueHint::Other)]
    pub(crate) run: String,
    /// Show a run that is over as if it went on now; what took longer than two seconds takes two
    #[arg(long)]
    pub(crate) replay: bool,
    /// So many times as fast as it was
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed, requires = "replay", value_hint = ValueHint::Other)]
    pub(crate) speed: f64,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "a number is wanted".to_owned())?;
    if (0.01..=1000.0).contains(&speed) {
        Ok(speed)
    } else {
        Err("between 0.01 and 1000 is possible".to_owned())
    }
}
