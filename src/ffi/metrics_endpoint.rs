//! The endpoint for Prometheus, for C.

use std::ffi::c_char;
use std::net::SocketAddr;

use super::dispatcher::{mcp_event_dispatcher, text};
use super::handle;
use super::metrics::mcp_event_metrics;
use super::status::{Failed, Result, check_size, guard, mcp_event_status};
use super::text::mcp_event_text;
use endpoint::Endpoint;

/// Serves the figures of an `mcp_event_metrics` over HTTP, at `/metrics`, on the loop of a dispatcher.
pub struct mcp_event_metrics_endpoint {
    endpoint: Endpoint,
}

/// Settings of an endpoint. Zero it, then set `size` to `sizeof(mcp_event_metrics_endpoint_options)`: fields that a
/// later version adds then keep their defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_metrics_endpoint_options {
    /// The size of this struct as the caller knows it.
    pub size: usize,
    /// How many connections may be open at a time; 0: 64.
    pub connection_limit: usize,
    /// How long a request may take to come, and then the response to go, in milliseconds; 0: five seconds.
    pub timeout_ms: u64,
}

#[cfg(feature = "prometheus")]
mod endpoint {
    use std::time::Duration;

    use super::*;
    use crate::dispatcher::Handle;
    use crate::metrics::{EndpointOptions, MetricsEndpoint, Registry};

    pub(super) type Endpoint = MetricsEndpoint;

    pub(super) fn bind(
        dispatcher: &Handle,
        address: SocketAddr,
        registry: &Registry,
        settings: Option<mcp_event_metrics_endpoint_options>,
    ) -> Result<Endpoint> {
        let mut options = EndpointOptions::new();
        if let Some(settings) = settings {
            if settings.connection_limit != 0 {
                options = options.connection_limit(settings.connection_limit);
            }
            if settings.timeout_ms != 0 {
                options = options.timeout(Duration::from_millis(settings.timeout_ms));
            }
        }
        Ok(MetricsEndpoint::bind_with(dispatcher, address, registry, options)?)
    }
}

#[cfg(not(feature = "prometheus"))]
mod endpoint {
    use super::*;
    use crate::dispatcher::Handle;
    use crate::metrics::Registry;

    /// There is none.
    pub(super) enum Endpoint {}

    impl Endpoint {
        pub(super) fn local_addr(&self) -> SocketAddr {
            match *self {}
        }
    }

    pub(super) fn bind(
        _: &Handle,
        _: SocketAddr,
        _: &Registry,
        _: Option<mcp_event_metrics_endpoint_options>,
    ) -> Result<Endpoint> {
        let text = "this library was built without the endpoint for Prometheus (MCP_EVENT_PROMETHEUS)";
        Err(Failed::new(mcp_event_status::MCP_EVENT_UNAVAILABLE, text))
    }
}

/// Listens at `address`, "127.0.0.1:9464" or "[::1]:9464", say; port 0 takes a free one. Whoever can reach it reads
/// the figures: there is neither encryption nor a password. `options` may be null. `MCP_EVENT_OS_ERROR` when the
/// system does not let it, `MCP_EVENT_UNAVAILABLE` in a build without this endpoint.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_metrics_endpoint_create(
    dispatcher: *mut mcp_event_dispatcher,
    address: *const c_char,
    metrics: *const mcp_event_metrics,
    options: *const mcp_event_metrics_endpoint_options,
    out: *mut *mut mcp_event_metrics_endpoint,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: living handles, a string and options that are null or valid.
        let (dispatcher, address, registry, options) = unsafe {
            (
                mcp_event_dispatcher::handle(dispatcher)?,
                text(address, "the address")?,
                mcp_event_metrics::registry(metrics)?,
                options.as_ref().copied(),
            )
        };
        if let Some(options) = &options {
            check_size::<mcp_event_metrics_endpoint_options>(options.size, "options")?;
        }
        let address = address.parse().map_err(|_| {
            Failed::invalid(format!("{address:?} is no IP address with a port, as 127.0.0.1:9464 is"))
        })?;
        let endpoint = endpoint::bind(dispatcher, address, registry, options)?;
        let endpoint = Box::into_raw(Box::new(mcp_event_metrics_endpoint { endpoint }));
        handle::give(endpoint);
        // SAFETY: checked above.
        unsafe { handle::put(out, endpoint) }
    })
}

/// The address that it listens at, with the port that it really has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_metrics_endpoint_address(
    endpoint: *const mcp_event_metrics_endpoint,
    out: *mut *mut mcp_event_text,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        handle::check(endpoint, "the endpoint")?;
        // SAFETY: a living handle, made by `mcp_event_metrics_endpoint_create`.
        let address = unsafe { &*endpoint }.endpoint.local_addr();
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_text::give(&address.to_string())) }
    })
}

/// Closes it and its connections.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_metrics_endpoint_destroy(
    endpoint: *mut mcp_event_metrics_endpoint,
) -> mcp_event_status {
    guard(|| {
        handle::take(endpoint, "the endpoint")?;
        // SAFETY: made by `mcp_event_metrics_endpoint_create`, and destroyed once.
        drop(unsafe { Box::from_raw(endpoint) });
        Ok(())
    })
}
