//! The administration.

mod sign_in;
