//! What the tests of the outer crates share.

pub mod scripted_worker;
