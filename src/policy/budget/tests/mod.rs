//! Whether the bounds hold: against every strategy on a coarse clock, against random strategies on the
//! real functions of `domain`, and against the strategy that is said to reach them.

mod every_strategy;
mod figures;
mod real;
