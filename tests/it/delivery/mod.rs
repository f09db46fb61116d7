//! Mail leaves through a real relay, or fails where somebody sees it.

mod post;
mod queue;
mod relay;
