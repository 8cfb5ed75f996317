//! Measurements on results: fitted rates.

pub(crate) mod rates;
