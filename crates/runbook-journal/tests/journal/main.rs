//! A run is written, read back, and tampered with.

#[cfg(test)]
mod alone;
#[cfg(test)]
mod list;
#[cfg(test)]
mod output;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tamper;
