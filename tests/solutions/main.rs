//! The answers to every exercise, held to the same checks as the reader's.
