//! The figures of loops, pools and whatever else, shown to those who watch over a program.
//!
//! A [`Registry`] knows whose figures are shown. [`Registry::prometheus`] gives them as a page in Prometheus' text
//! format, to be served by whoever serves pages. With feature `prometheus`, a `MetricsEndpoint` serves it on a
//! dispatcher of ours. With feature `metrics`, a `Publisher` hands them to the recorder that the program installed
//! for the crate `metrics`.

#[cfg(feature = "prometheus")]
mod endpoint;
mod exposition;
mod loops;
#[cfg(feature = "metrics")]
mod publisher;
mod registry;

#[cfg(feature = "prometheus")]
pub use endpoint::{EndpointOptions, MetricsEndpoint};
#[cfg(feature = "servers")]
pub(crate) use exposition::Kind;
pub use exposition::{Exposition, Label};
#[cfg(feature = "metrics")]
pub use publisher::{Publication, Publisher};
pub use registry::Registry;
