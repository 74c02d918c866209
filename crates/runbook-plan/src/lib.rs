//! A document to a plan.
pub mod expression;
