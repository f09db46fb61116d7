//! The data plane as a whole: clients and backends on real sockets, a listener that forwards
//! everything in between.

mod framing;
mod limits;
mod links;
mod parking;
mod passthrough;
mod streaming;
mod support;
