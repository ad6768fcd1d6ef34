//! The contract, clause by clause: what every system keeps.
//!
//! A test's name begins with its clause. What needs a process of its own
//! (exhausted descriptors, counted allocations, signals, children) has a file of
//! its own beside this folder.

mod bench;
mod c01;
mod c02;
mod c03;
mod c04;
mod c05;
mod c06;
mod c07;
mod c08;
mod c09;
mod c10;
mod c12;
mod c13;
mod c15;
mod c18;
mod c20;
mod common;
mod held;
mod nested;
