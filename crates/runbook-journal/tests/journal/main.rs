//! A run is written, read back, tampered with, killed and gone on with.

#[cfg(test)]
mod alone;
#[cfg(test)]
mod cost;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod every;
#[cfg(test)]
mod followed;
#[cfg(test)]
mod full;
#[cfg(test)]
mod list;
#[cfg(test)]
mod locks;
#[cfg(test)]
mod long;
#[cfg(test)]
mod output;
#[cfg(test)]
mod process;
#[cfg(test)]
mod prune;
#[cfg(test)]
mod read_only;
#[cfg(test)]
mod reopen;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod seals;
#[cfg(test)]
mod tamper;
