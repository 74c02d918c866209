//! Runs are told.

#[cfg(test)]
mod compared;
#[cfg(test)]
mod every;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod interrupted;
#[cfg(test)]
mod nested;
#[cfg(test)]
mod page;
#[cfg(test)]
mod people;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod told;
#[cfg(test)]
mod whole;
#[cfg(test)]
mod written;
